"""Data sets of a few lines, in the formats of those that the benches read."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TOPICS = ("parser", "garden", "ticket", "recipe", "bicycle", "library", "camera", "market")
FEBRL_COLUMNS = (
    "rec_id, given_name, surname, street_number, address_1, address_2, suburb, postcode, state, "
    "date_of_birth, soc_sec_id"
)


def write_all(folder: Path) -> Path:
    """Write every data set; return the folder."""
    write_locomo(folder / "locomo")
    write_beam(folder / "beam")
    write_qmsum(folder / "qmsum")
    write_sgd(folder / "sgd")
    write_graph(folder / "graphs")
    write_names(folder / "ner")
    write_excerpts(folder / "excerpts")
    write_poleo(folder / "poleo")
    write_records(folder / "resolution")
    write_messages(folder / "messages.jsonl")
    write_modality(folder / "modality.jsonl")
    write_instructions(folder / "instructions.jsonl")
    return folder


def write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def write_lines(file: Path, rows: Iterable[Any]) -> None:
    write_text(file, "".join(json.dumps(row) + "\n" for row in rows))


def write_locomo(folder: Path) -> None:
    """Write two chats of two sessions, with a question about each of the first topics."""
    samples = []
    for chat in ("a", "b"):
        conversation: dict[str, Any] = {"speaker_a": "Ann", "speaker_b": "Ben"}
        for session in (1, 2):
            conversation[f"session_{session}_date_time"] = f"1:56 pm on {session} May, 2023"
            conversation[f"session_{session}"] = [
                {
                    "speaker": ("Ann", "Ben")[turn % 2],
                    "dia_id": f"D{session}:{turn + 1}",
                    "text": f"In Berlin I found a {topic} for chat {chat}, number {session}.",
                }
                for turn, topic in enumerate(TOPICS)
            ]
        questions = [
            {
                "question": f"Who found a {topic}?",
                "answer": f"Ann found a {topic}.",
                "category": category,
                "evidence": [f"D1:{category}"],
            }
            for category, topic in enumerate(TOPICS[:3], start=1)
        ]
        questions.append(
            {"question": "Who lost a violin?", "category": 5, "evidence": ["D1:4"], "answer": ""}
        )
        samples.append({"sample_id": f"tiny-{chat}", "conversation": conversation, "qa": questions})
    write_text(folder / "locomo_dev.json", json.dumps(samples))


def write_beam(folder: Path) -> None:
    """Write two chats with an assistant, and two questions about each."""
    lines = []
    for chat in ("a", "b"):
        messages = [
            {"id": 2 * turn + number, "role": role, "content": content}
            for turn, topic in enumerate(TOPICS)
            for number, (role, content) in enumerate(
                (
                    ("user", f"I bought a {topic} in Berlin for chat {chat}."),
                    ("assistant", f"Here is what to do with a {topic}. " + "Keep it dry. " * 60),
                )
            )
        ]
        messages[0]["time_anchor"] = "March-15-2024"
        questions = [
            {
                "ability": ability,
                "question": f"What did I do with the {topic}?",
                "evidence": [place],
            }
            for ability, topic, place in (
                ("knowledge_update", TOPICS[0], 0),
                ("information_extraction", TOPICS[1], 3),
            )
        ]
        questions.append({"ability": "abstention", "question": "Who am I?", "evidence": []})
        lines.append(
            {
                "chat": chat,
                "batches": [{"batch": 1, "messages": messages}],
                "questions": questions,
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "beam_100k_dev.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def write_qmsum(folder: Path) -> None:
    """Write two meetings with two questions each."""
    meeting = {
        "meeting_transcripts": [
            {"speaker": ("Ann", "Ben")[turn % 2], "content": f"We talk about the {topic} now."}
            for turn, topic in enumerate(TOPICS)
        ],
        "specific_query_list": [
            {
                "query": f"What did they say about the {TOPICS[turn]}?",
                "relevant_text_span": [[str(turn), str(turn + 1)]],
            }
            for turn in (1, 4)
        ],
    }
    write_lines(folder / "val.jsonl", [meeting, meeting])


def write_sgd(folder: Path) -> None:
    """Write dialogues with 600 turns in all."""
    for part in ("train", "dev"):
        lines = [
            json.dumps(
                {
                    "turns": [
                        {"speaker": "USER", "text": f"Find a {topic} near {part} {number}."}
                        for topic in TOPICS
                    ]
                }
            )
            for number in range(40)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(folder / f"{part}.compact.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def write_graph(folder: Path) -> None:
    """Write two rings of ten nodes with one edge between them."""
    edges = [
        (ring * 10 + node, ring * 10 + (node + 1) % 10) for ring in (0, 1) for node in range(10)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "LFR_N10000_mu0.1.csv.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{source}\t{target}\t{{}}\n" for source, target in [*edges, (0, 10)])


def write_names(folder: Path) -> None:
    """Write one sentence in each of the formats of labeled names."""
    tags = [
        ("Angela", "B-PER"),
        ("Merkel", "I-PER"),
        ("lives", "O"),
        ("in", "O"),
        ("Berlin", "B-LOC"),
    ]
    numbered = (
        f"{number}\t{word}\t{tag}\t-\t-\n" for number, (word, tag) in enumerate(tags, start=1)
    )
    write_text(folder / "uner_ewt_dev.iob2", "# sent_id = 1\n" + "".join(numbered) + "\n")
    write_text(
        folder / "wnut17_dev.conll", "".join(f"{word}\t{tag}\n" for word, tag in tags) + "\n"
    )
    write_text(folder / "wikigold.conll", "".join(f"{word} {tag}\n" for word, tag in tags) + "\n")


def write_excerpts(folder: Path) -> None:
    """Write a text with a name and a decision."""
    text = "Angela Merkel lives in Berlin. We decided to use Neo4j for the graph."
    for kind in ("entity", "memory"):
        write_lines(folder / f"{kind}_extraction_dataset.jsonl", [{"id": "1", "text": text}])
    entities = [{"name": "Angela Merkel", "type": "person"}, {"name": "Berlin", "type": "place"}]
    write_lines(folder / "entity_extraction_labels.jsonl", [{"id": "1", "entities": entities}])
    memories = [{"type": "decision", "content": "We decided to use Neo4j for the graph."}]
    write_lines(folder / "memory_extraction_labels.jsonl", [{"id": "1", "memories": memories}])


def write_poleo(folder: Path) -> None:
    """Write documents that name the same organization in two ways."""
    case = {
        "text": "Priya Raghavan joined Acme Corp. Acme has its office in Lisbon.",
        "expected_entities": [
            {"name": "Priya Raghavan", "aliases": []},
            {"name": "Acme Corp", "aliases": ["Acme"]},
        ],
        "expected_relations": [
            {"source": "Priya Raghavan", "relation_type": "EMPLOYED_BY", "target": "Acme Corp"}
        ],
        "metadata": {},
    }
    write_text(folder / "poleo_gold.json", json.dumps({"test_cases": [case]}))
    mentions = [
        {"id": f"d{number}:m{row}", "text": name, "type": kind, "doc": f"d{number}"}
        for number in range(6)
        for row, (name, kind) in enumerate(
            [("Acme Corp", "ORGANIZATION"), ("Acme", "ORGANIZATION"), ("Priya Raghavan", "PERSON")]
        )
    ]
    clusters = {mention["id"]: mention["text"].split()[0] for mention in mentions}
    write_text(
        folder / "poleo_resolution_gold.json",
        json.dumps({"mentions": mentions, "clusters": clusters}),
    )


def write_modality(file: Path) -> None:
    """Write a text with a fact and one with a plan."""
    labels = {"Kafka uses Redis.": "asserted", "Kafka plans to use Redis.": "planned"}
    relation = {"source": "Kafka", "type": "uses", "target": "Redis"}
    write_lines(
        file,
        [
            {"text": text, "relations": [{**relation, "modality": modality}]}
            for text, modality in labels.items()
        ],
    )


def write_instructions(file: Path) -> None:
    """Write messages of users: two of each kind of sentence to remember in each fifth of them."""
    sentences = {
        "instruction": "Emojis are banned in what you write for me.",
        "preference": "Trains over planes for me, every time.",
        "fact": "They put me on lithium two years ago.",
    }
    rows = [
        {"text": f"Hello. {text} What now?", "spans": [{"text": text, "kind": kind}]}
        for kind, text in sentences.items()
        for _ in range(5)
    ]
    write_lines(file, [*rows, {"text": "Make it shorter, please.", "spans": []}])


def write_records(folder: Path) -> None:
    """Write pairs of publications, and people and customers, half of them twice."""
    pairs = []
    for number in range(20):
        first = f"COL title VAL paper {number} on {TOPICS[number % 8]} COL year VAL 1994 "
        second = f"COL title VAL study {number} of graphs COL year VAL 2001 "
        pairs += [f"{first}\t{first}\t1\n", f"{first}\t{second}\t0\n"]
    write_text(folder / "dblp_acm_valid.txt", "".join(pairs))
    people = [
        f"rec-{number}-{copy}, {topic}, smith{number}, {number}, main road, , bittern, 4814, qld, "
        f"199902{number + 10}, 73643{number}"
        for number, topic in enumerate(TOPICS)
        for copy in ("org", "dup-0")
    ]
    write_text(folder / "febrl_dataset1.csv", "\n".join([FEBRL_COLUMNS, *people]) + "\n")
    customers = [
        {
            "DATA_SOURCE": "CUSTOMERS",
            "RECORD_ID": f"{number}-{copy}",
            "FEATURES": [
                {"NAME_FULL": f"{topic} Smith"},
                {"DATE_OF_BIRTH": f"{number}/11/1978"},
            ],
        }
        for number, topic in enumerate(TOPICS)
        for copy in (1, 2)
    ]
    write_lines(folder / "senzing_customers.jsonl", customers)
    keys = [f"{row['RECORD_ID'][0]},CUSTOMERS,{row['RECORD_ID']}" for row in customers]
    write_text(
        folder / "senzing_actual_truthset_key.csv",
        "\n".join(["CLUSTER_ID,DATA_SOURCE,RECORD_ID", *keys]) + "\n",
    )


def write_messages(file: Path) -> None:
    """Write a labeled message."""
    message = {
        "id": "1",
        "shape": "chat",
        "text": "Angela Merkel lives in Berlin.",
        "entities": [
            {"name": "Angela Merkel", "type": "person"},
            {"name": "Berlin", "type": "location"},
        ],
        "relations": [{"source": "Angela Merkel", "type": "lives_in", "target": "Berlin"}],
    }
    write_lines(file, [message])
