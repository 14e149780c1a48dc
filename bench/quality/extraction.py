"""Measure the extraction: the precision of every rule, F1 on the labeled sets, and the speed.

    python -m bench.quality.extraction DATA [--write] [--speed] [--errors]

`--write` stores the precisions in `ingest/extraction/rule_confidence.json`. A set that DATA lacks
is skipped with a message. Files whose names end in `_kept` are not read, so that `--errors` shows
nothing of them; `bench.quality.modality` and `bench.quality.messages` measure these.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.datasets import labeled
from bench.files import write_result
from bench.quality import modality
from bench.quality.name_training import NAME_FILES, leave_each_out, read_examples
from bench.quality.poleo import measure_poleo
from bench.quality.rule_counts import Counts, overlap, write_confidences
from mcp_context_persistence.ingest.extraction.decision_cues import find_decision_sentences
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.name_scores import NameScorer
from mcp_context_persistence.ingest.models import spacy_pipeline
from mcp_context_persistence.kg.identifiers import build_entity_id
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.query_terms import extract_terms

_HERE = Path(__file__).parent
_CORE = ("person", "organization", "location")
_TYPES_BY_LABEL = {
    "PERSON": "person",
    "ORG": "organization",
    "GPE": "location",
    "LOC": "location",
    "FAC": "location",
}
_OTHER = ("product", "event", "work", "law", "language", "group")
_STRICT_ON_CHAT = ("code:", "cue:", "command:")


def measure_names(data: Path, counts: Counts) -> dict[str, Any]:
    """Compare exact spans of people, organizations and places with spaCy's recognizer alone.

    The weights that score names are learned again for each set, without it.
    """
    nlp = spacy_pipeline.load("en_core_web_sm").nlp
    report: dict[str, Any] = {}
    weights = dict(leave_each_out(read_examples(data)))
    for name in NAME_FILES:
        path = data / "ner" / name
        if not path.exists():
            print(f"skipped, not in the data folder: ner/{name}")
            continue
        documents = list(labeled.tagged(path))
        texts = [document.text for document in documents]
        expected = [{span for span in document.spans if span[2] in _CORE} for document in documents]
        with nlp.select_pipes(enable=["ner"]):
            bare = [
                {
                    (e.start_char, e.end_char, _TYPES_BY_LABEL[e.label_])
                    for e in doc.ents
                    if e.label_ in _TYPES_BY_LABEL
                }
                for doc in nlp.pipe(texts)
            ]
        extractor = Extractor(scorer=NameScorer(weights=weights[name]))
        ours = []
        for document, extraction in zip(documents, extractor.extract(texts), strict=True):
            ours.append({(m.start, m.end, m.type) for m in extraction.mentions if m.type in _CORE})
            _count_names(name, document, extraction, counts)
        report[name] = {
            "recognizer_f1": overlap(zip(bare, expected, strict=True)),
            "ours_f1": overlap(zip(ours, expected, strict=True)),
        }
        for kind in _CORE:
            a, b = (
                [
                    ({s for s in d if s[2] == kind}, {s for s in w if s[2] == kind})
                    for d, w in zip(x, expected, strict=True)
                ]
                for x in (bare, ours)
            )
            report[name][kind] = (overlap(a), overlap(b))
    return report


def _count_names(
    name: str, document: labeled.Labeled, extraction: Extraction, counts: Counts
) -> None:
    other_spans = {span[:2] for span in document.spans if span[2] in {"other", "product", "work"}}
    for mention in extraction.mentions:
        span = (mention.start, mention.end, mention.type)
        if mention.type in _CORE:
            counts.add(mention.extractor, name, right=span in document.spans, note=mention.text)
        elif mention.type in _OTHER and name != "uner_ewt_dev.iob2":
            counts.add(mention.extractor, name, right=span[:2] in other_spans)
        elif name == "wikigold.conll" and mention.extractor.startswith(_STRICT_ON_CHAT):
            counts.add(
                mention.extractor, name, right=False, note=f"{mention.text} | {mention.sentence}"
            )


def measure_chat(data: Path, extractor: Extractor, counts: Counts) -> dict[str, Any]:
    """Long private chats, where a class or a function is nearly always a mistake."""
    path = data / "locomo" / "locomo_dev.json"
    if not path.exists():
        print("skipped, not in the data folder: locomo/locomo_dev.json")
        return {}
    texts = labeled.turns(path)
    fired: Counter[str] = Counter()
    for extraction in extractor.extract(texts):
        for mention in extraction.mentions:
            fired[mention.extractor] += 1
            if mention.extractor.startswith(_STRICT_ON_CHAT):
                counts.add(
                    mention.extractor,
                    "locomo_dev.json",
                    right=False,
                    note=f"{mention.text} | {mention.sentence}",
                )
            elif mention.extractor.startswith(("vocabulary:", "spelled:")):
                counts.errors.append(
                    f"locomo_dev.json: {mention.extractor}, not counted: "
                    f"{mention.text} | {mention.sentence}"
                )
    return {
        "turns": len(texts),
        "per_1000_turns": {
            rule: round(1000 * n / len(texts), 1) for rule, n in fired.most_common()
        },
    }


def measure_excerpts(data: Path, extractor: Extractor, counts: Counts) -> dict[str, Any]:
    """Names and (name, type) pairs per document."""
    folder = data / "excerpts"
    if not folder.exists():
        print("skipped, not in the data folder: excerpts")
        return {}
    documents = labeled.excerpts(folder)
    typed, names = [], []
    for (_, expected), extraction in zip(
        documents, extractor.extract([text for text, _ in documents]), strict=True
    ):
        kept = [m for m in extraction.mentions if m.type in {*_CORE, "project"}]
        typed.append(({(m.name.lower(), m.type) for m in kept}, expected))
        names.append(({m.name.lower() for m in kept}, {name for name, _ in expected}))
        for mention in kept:
            if mention.type == "project":
                counts.add(
                    mention.extractor,
                    "excerpts",
                    right=(mention.name.lower(), "project") in expected,
                    note=mention.text,
                )
    return {"typed_f1": overlap(typed), "names_f1": overlap(names)}


def measure_decisions(data: Path) -> dict[str, Any]:
    """Measure decisions on our own sentences and on the excerpts.

    On the excerpts, three figures are reported: whether a document has a decision; whether a
    sentence has half of the words of a label; and whether a label, which often covers several
    sentences, has half of the words of a sentence.
    """
    own = labeled.decisions(_HERE / "decisions_held_out.txt")
    own_pair = (
        {index for index, (text, _) in enumerate(own) if find_decision_sentences(text)},
        {index for index, (_, is_decision) in enumerate(own) if is_decision},
    )
    report = {"own_held_out_f1": overlap([own_pair])}
    folder = data / "excerpts"
    if not folder.exists():
        print("skipped, not in the data folder: excerpts")
        return report
    documents, sentences, labels = [], [], []
    for number, (text, decisions) in enumerate(labeled.memories(folder)):
        extracted = [_stems(sentence.text) for sentence in find_decision_sentences(text)]
        expected = [_stems(decision) for decision in decisions]
        documents.append(({number} if extracted else set(), {number} if decisions else set()))
        hits = {
            index
            for index, label in enumerate(expected)
            if any(2 * len(label & sentence) >= len(label) for sentence in extracted)
        }
        wrong = {f"wrong {index}" for index in range(len(extracted) - len(hits))}
        sentences.append((hits | wrong, set(range(len(expected)))))
        covered = [
            {
                index
                for index, label in enumerate(expected)
                if 2 * len(label & sentence) >= len(sentence)
            }
            for sentence in extracted
        ]
        wrong = {f"wrong {index}" for index, indexes in enumerate(covered) if not indexes}
        labels.append((set().union(*covered) | wrong, set(range(len(expected)))))
    return {
        **report,
        "documents_f1": overlap(documents),
        "sentences_f1": overlap(sentences),
        "parts_of_labels_f1": overlap(labels),
    }


def _stems(text: str) -> set[str]:
    """Return the stems of a text's meaningful words."""
    return {stem(word) for word in extract_terms(text).words}


def measure_own(name: str, extractor: Extractor, counts: Counts) -> dict[str, Any]:
    """Our own sentences: exact span and type, and relations."""
    documents, where = labeled.sentences(_HERE / name), f"bench/quality/{name}"
    pairs, stated = [], []
    for document, extraction in zip(
        documents, extractor.extract([d.text for d in documents]), strict=True
    ):
        pairs.append(({(m.start, m.end, m.type) for m in extraction.mentions}, document.spans))
        for m in extraction.mentions:
            if not m.extractor.startswith("ner:"):
                counts.add(
                    m.extractor,
                    where,
                    right=(m.start, m.end, m.type) in document.spans,
                    note=f"{m.text} | {document.text}",
                )
        expected = {
            (build_entity_id(s), kind, build_entity_id(t)) for s, kind, t in document.relations
        }
        said = {
            (r.source, r.type, r.target) for r in extraction.relations if r.type != "related_to"
        }
        stated.append((said, expected))
        ends = {frozenset((s, t)) for s, _, t in expected}
        for r in extraction.relations:
            right = (
                (r.source, r.type, r.target) in expected
                if r.type != "related_to"
                else frozenset((r.source, r.target)) in ends
            )
            counts.add(
                r.extractor,
                where,
                right=right,
                note=f"{r.source} {r.type} {r.target} | {document.text}",
            )
        missed = expected - said
        counts.errors += [
            f"{where}: missed {relation} | {document.text}" for relation in sorted(missed)
        ]
    return {"entities_f1": overlap(pairs), "relations_f1": overlap(stated)}


def measure_speed(data: Path, extractor: Extractor) -> dict[str, Any]:
    """Measure the processor time for 2,000 turns: spaCy's default pipeline, and the extraction.

    Both run twice, in turns, and the better run counts.
    """
    texts = labeled.turns(data / "locomo" / "locomo_dev.json")[:2000]
    nlp = spacy_pipeline.load("en_core_web_sm").nlp
    plain, ours = [], []
    for _ in range(2):
        start = time.process_time()
        for _ in nlp.pipe(texts, batch_size=256):
            pass
        plain.append(time.process_time() - start)
        start = time.process_time()
        for _ in extractor.extract(texts):
            pass
        ours.append(time.process_time() - start)
    return {
        "plain_texts_per_s": 2000 / min(plain),
        "ours_texts_per_s": 2000 / min(ours),
        "ratio": min(plain) / min(ours),
    }


def main() -> None:
    """Runs the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    for option in ("--write", "--speed", "--errors"):
        parser.add_argument(option, action="store_true")
    options = parser.parse_args()
    extractor, counts = Extractor(), Counts()
    report = {
        "names": measure_names(options.data, counts),
        "excerpts": measure_excerpts(options.data, extractor, counts),
        "decisions": measure_decisions(options.data),
        "own": measure_own("sentences.txt", extractor, counts),
        "own_held_out": measure_own("sentences_held_out.txt", extractor, counts),
        "poleo": measure_poleo(options.data, extractor, counts),
        "modality": {
            path.stem: modality.measure_modality(path, extractor, counts.errors)
            for path in modality.FILES
            if not path.stem.endswith("_kept")
        },
        "chat": measure_chat(options.data, extractor, counts),
    }
    if options.speed:
        report["speed"] = measure_speed(options.data, extractor)
    rules = counts.rules()
    if options.errors:
        print("\n".join(counts.errors))
    for rule, entry in rules.items():
        print(
            f"{rule:24} {entry['confidence']:.3f}  {entry['right']:5} right "
            f"{entry['wrong']:5} wrong  {', '.join(entry['measured_on'])}"
        )
    print(json.dumps(report, indent=1))
    write_result("extraction.json", report)
    if options.write:
        write_confidences(rules)


if __name__ == "__main__":
    main()
