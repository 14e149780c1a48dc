"""Repair what the parser often takes for one clause: "Anna uses Redis but Omar uses Kafka".

It joins the subject of the second clause to the object of the first one.
"""

_FINITE_TAGS = frozenset({"VBZ", "VBD", "VBP", "MD"})
_NAME_TAGS = frozenset({"NNP", "NNPS", "NN", "NNS", "PRP"})
_CLAUSE_LABELS = frozenset({"xcomp", "advcl", "ccomp", "conj", "acl", "relcl", "dep"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "expl"})
_OBJECTS = frozenset({"dobj", "pobj", "attr", "dative", "oprd"})
_BEFORE_VERB = frozenset({"aux", "auxpass", "advmod", "neg"})


def separate_clauses(lowers: list[str], tags: list[str], deps: list[str], heads: list[int]) -> None:
    """Give the second of two joined clauses its own subject, by changing `deps` and `heads`."""
    for i, dep in enumerate(deps):
        if dep == "cc" and tags[heads[i]] in _NAME_TAGS:
            _separate(i, lowers, tags, deps, heads)


def _separate(
    joint: int, lowers: list[str], tags: list[str], deps: list[str], heads: list[int]
) -> None:
    left = heads[joint]
    right = next(
        (i for i in range(joint + 1, len(heads)) if heads[i] == left and deps[i] == "conj"), -1
    )
    if right < 0 or tags[right] not in _NAME_TAGS or "," in lowers[left:joint]:
        return
    verb = right + 1
    while verb < len(heads) and deps[verb] in _BEFORE_VERB:
        verb += 1
    has_clause = verb < len(heads) and deps[verb] in _CLAUSE_LABELS
    finite = next((tag for tag in tags[right + 1 : verb + 1] if not tag.startswith("RB")), "")
    if not has_clause or finite not in _FINITE_TAGS:
        return
    first = heads[verb]
    subjects = [i for i, head in enumerate(heads) if head == verb and deps[i] in _SUBJECTS]
    if not first < left < verb or not tags[first].startswith("VB"):
        return
    if subjects == [left] and deps[verb] == "ccomp":
        is_parallel = finite == "VBZ" or lowers[first] == lowers[verb]
        if not is_parallel or any(heads[i] == first and deps[i] in _OBJECTS for i in range(verb)):
            return
        heads[left], deps[left] = first, "dobj"
    elif subjects or any(heads[i] == verb and deps[i] == "mark" for i in range(verb)):
        return
    heads[right], deps[right] = verb, "nsubj"
    heads[joint] = first
    deps[verb] = "conj"


def list_children(heads: list[int]) -> list[list[int]]:
    """Return the dependents of each token, in order; the head of a root is the root itself."""
    children: list[list[int]] = [[] for _ in heads]
    for token, head in enumerate(heads):
        if head != token:
            children[head].append(token)
    return children
