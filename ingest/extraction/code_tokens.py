"""Forms that only source text has: calls, paths, identifiers, imports, install commands.

Every expression here runs in linear time: words are found first, are at most `ingest.extraction.segmentation.WORD_CHARACTERS` long, and each is
then matched as a whole.
"""

import re
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.results import Found

# Tiers: what wins where two candidates overlap. LABELLED is a second recogniser, which is there only where somebody wants it.
CODE, NAMED_BY_RULE, SOFTWARE, SHAPED, LABELLED, RECOGNISED, NOUNS = range(7)

_ENDINGS = [
    "py",
    "pyi",
    "pyx",
    "ipynb",
    "js",
    "mjs",
    "cjs",
    "jsx",
    "ts",
    "tsx",
    "vue",
    "svelte",
    "java",
    "kt",
    "kts",
    "scala",
    "go",
    "rs",
    "c",
    "h",
    "cc",
    "cpp",
    "hpp",
    "cs",
    "fs",
    "rb",
    "php",
    "pl",
    "swift",
    "lua",
    "sh",
    "bash",
    "zsh",
    "ps1",
    "bat",
    "sql",
    "cypher",
    "graphql",
    "proto",
    "json",
    "jsonl",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "env",
    "xml",
    "html",
    "htm",
    "css",
    "scss",
    "less",
    "md",
    "rst",
    "txt",
    "csv",
    "tsv",
    "parquet",
    "log",
    "lock",
    "gradle",
    "cmake",
    "dockerfile",
    "tf",
    "jar",
    "whl",
    "zip",
    "gz",
    "tar",
    "pdf",
    "ipynb",
    "patch",
    "diff",
]
_SPECIAL_FILES = {
    "Dockerfile",
    "Makefile",
    "Jenkinsfile",
    "Procfile",
    "Vagrantfile",
    "Gemfile",
    "Rakefile",
    "CMakeLists.txt",
    ".gitignore",
    ".env",
}
_TOP_DOMAINS = {
    "com",
    "org",
    "net",
    "io",
    "dev",
    "edu",
    "gov",
    "uk",
    "de",
    "ai",
    "app",
    "co",
    "me",
    "tv",
    "info",
}
_BRANDS = {
    "YouTube", "LinkedIn", "PayPal", "MacBook", "GoPro", "PlayStation", "FaceTime", "WhatsApp", "TikTok", "OpenAI", "DeepMind", "iPhone",
    "iPad", "iPod", "iMac", "iCloud", "eBay", "AirPods", "AirBnB", "FedEx", "DoorDash", "SnapChat", "StarCraft", "WarCraft", "BuzzFeed",
    "HelloFresh", "NordicTrack", "CrossFit", "SoulCycle", "PowerPoint", "OneDrive", "DreamWorks", "LaTeX", "GitHub", "GitLab", "HubSpot",
    "JavaScript", "TypeScript", "MySQL", "PostgreSQL", "LangChain", "BioWare", "NetEase", "MasterCard", "UnitedHealth", "ExxonMobil",
    "PetSmart", "GameStop", "SpaceX", "BlackBerry", "BlackRock", "FitBit", "MySpace", "AstraZeneca", "BioNTech", "AccuWeather",
}  # fmt: skip
_NAME_PREFIX = re.compile(r"(?:Mc|Mac|De|Di|La|Le|Van|Von|O|Fitz|Du|Da)[A-Z][a-z]+")

_WORD = re.compile(r"\S+")
_WORTH_A_LOOK = re.compile(r"[a-z0-9][A-Z]|\w_\w|\w\(|\.\w|/\w|`|file$")
_EDGES = re.compile(r"[`'\"“”‘’(\[{<*]*+(?P<core>.*?)(?P<call>\(\))?[`'\"“”‘’)\]}>.,;:!?*]*")
_CALLED = re.compile(r"(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\((?P<rest>.*)")
_PATH = re.compile(
    r"(?:~|\.{1,2})?/?(?:[\w@.+-]+/)*+[\w@.+-]*\.(?P<ending>[A-Za-z0-9]{1,10})(?::\d+)?"
)
_FOLDER = re.compile(
    r"(?:~|\.{1,2})?/[\w@.+-]+(?:/[\w@.+-]+)++/?|(?:\.{1,2}/|~/)[\w@.+-]+/?|(?:[\w@.+-]+/){2,}+"
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)++")
_CAMEL = re.compile(r"_{0,2}[A-Z]+[a-z0-9]+(?:[A-Z]+[a-z0-9]*)++")
_LOWER_CAMEL = re.compile(r"[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]+)++")
_SNAKE = re.compile(r"_{0,2}[a-z][a-z0-9]*(?:_[a-z0-9]+)++_{0,2}")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)++")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*+")

_INSTALL = re.compile(
    r"\b(?:pip3?|uv pip|conda|mamba|npm|pnpm|brew|gem|cargo|poetry|uv|yarn|go) (?:install|i|add|get) (?:-{1,2}[\w-]+ )*(?P<name>@?[A-Za-z][\w./@-]*)"
)
_IMPORT = re.compile(
    r"(?:^|(?<=`)|(?<=[:\n;] ))[ \t]*(?:import[ \t]+(?P<module>[a-z_][\w.]*)(?=[ \t]+as\b|[ \t]*[`;,\n.]|[ \t]*$)"
    r"|from[ \t]+(?P<source>[a-zA-Z_][\w.]*)[ \t]+import[ \t]+(?P<item>\w+))",
    re.MULTILINE,
)
_DEFINED = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:export[ \t]+)?(?P<kind>class|def|function|func|fn|struct|interface)[ \t]+(?P<name>[A-Za-z_]\w*)",
    re.MULTILINE,
)


def forms(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Words with the shape of source text: start, end, shape, and whether they stand in backticks.

    Shapes: ``function`` (a call), ``file``, ``camel``, ``lower_camel``, ``snake``, ``dotted``, ``identifier`` (only in backticks).
    """
    for word in _WORD.finditer(text):
        raw = word.group()
        if not _WORTH_A_LOOK.search(raw) or "://" in raw or "@" in raw.strip("@"):
            continue
        edges = _EDGES.fullmatch(raw)
        if edges is None or not edges["core"]:
            continue
        start = word.start() + edges.start("core")
        core, quoted = edges["core"], raw.count("`") >= 2
        shape, length = _shape(core, called=edges["call"] is not None, quoted=quoted)
        if shape:
            yield start, start + length, shape, quoted


def _shape(core: str, *, called: bool, quoted: bool) -> tuple[str, int]:
    if (called and _DOTTED.fullmatch(core)) or (called and core.isidentifier()):
        return ("camel" if _CAMEL.fullmatch(core) else "function"), len(core)
    call = _CALLED.match(core)
    if call is not None:
        name = call["name"]
        sure = (
            quoted
            or call["rest"].startswith(")")
            or any(c in name for c in "_.")
            or _LOWER_CAMEL.fullmatch(name)
        )
        return (
            ("function", len(name)) if sure and call["rest"] not in {"s", "es", "ies"} else ("", 0)
        )
    if core in _SPECIAL_FILES:
        return "file", len(core)
    path = _PATH.fullmatch(core)
    if (
        path is not None
        and _is_ending(path["ending"])
        and len(core) > len(path["ending"]) + 2
        and not core.startswith(".")
    ):
        return (
            ("", 0) if _is_technology_name(core) else ("file", len(core.split(":", maxsplit=1)[0]))
        )
    if _FOLDER.fullmatch(core):
        return "file", len(core)
    return _identifier_shape(core, quoted=quoted), len(core)


def _is_ending(ending: str) -> bool:
    """Whether files end so; one letter only in lower case, since "D.C" is no file."""
    return ending.lower() in _ENDINGS and (len(ending) > 1 or ending.islower())


def _is_technology_name(core: str) -> bool:
    """Whether this is a name such as Node.js or Socket.io rather than a file."""
    return core[0].isupper() and core.endswith((".js", ".ai", ".io")) and "/" not in core


def _identifier_shape(core: str, *, quoted: bool) -> str:
    if _SNAKE.fullmatch(core) or _CONSTANT.fullmatch(core):
        return "snake"
    if core in _BRANDS or _NAME_PREFIX.fullmatch(core):
        return ""
    if _CAMEL.fullmatch(core):
        return "camel"
    if _LOWER_CAMEL.fullmatch(core):
        return "lower_camel"
    if _DOTTED.fullmatch(core) and core.rsplit(".", 1)[1].lower() not in _TOP_DOMAINS:
        return "dotted"
    return "identifier" if quoted and len(core) > 1 and _IDENTIFIER.fullmatch(core) else ""


def commands(text: str) -> Iterator[Found]:
    """Libraries that are installed or imported by a command in the text."""
    if "install" in text or " add " in text or " get " in text:
        for match in _INSTALL.finditer(text):
            end = match.start("name") + len(match["name"].rstrip("./@-"))
            yield Found(match.start("name"), end, "library", "command:install", CODE)
    if "import" in text:
        yield from imports(text)


def imports(text: str) -> Iterator[Found]:
    """Modules that are imported: a library where the name is one word, else a module; and the imported class."""
    for match in _IMPORT.finditer(text):
        group = "module" if match["module"] else "source"
        start, name = match.start(group), match[group].rstrip(".")
        kind = "module" if "." in name or "_" in name else "library"
        yield Found(start, start + len(name), kind, "command:import", CODE)
        if match["item"] and _CAMEL.fullmatch(match["item"]):
            yield Found(match.start("item"), match.end("item"), "class", "command:import", CODE)


def definitions(code: str) -> Iterator[Found]:
    """Classes and functions that a block of source text defines, and what it imports."""
    for match in _DEFINED.finditer(code):
        kind = "class" if match["kind"] in {"class", "struct", "interface"} else "function"
        if not match["name"].startswith("__"):
            yield Found(match.start("name"), match.end("name"), kind, f"code:{kind}", CODE)
    yield from imports(code)
