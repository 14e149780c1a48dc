"""Two saved conversations that tests search."""

import pytest


@pytest.fixture
def talk(client):
    client.save_conversation(
        "pottery",
        [
            {
                "id": "p0",
                "role": "user",
                "content": "Yesterday I signed up for a pottery class",
                "timestamp": "2024-03-01T10:00:00",
            },
            {
                "id": "p1",
                "role": "assistant",
                "content": "Lovely! What will you make first?",
                "timestamp": "2024-03-01T10:01:00",
            },
            {
                "id": "p2",
                "role": "user",
                "content": "A bowl with a black and white design",
                "timestamp": "2024-03-01T10:02:00",
            },
        ],
        mode="conversation",
        metadata={"project": "hobbies", "tags": ["clay", "art"], "team": "blue"},
    )
    client.save_conversation(
        "frames",
        [
            {
                "id": "f0",
                "role": "user",
                "content": "Analyze this Python code",
                "metadata": {"team": "red", "n": 3},
            },
            {
                "id": "f1",
                "role": "assistant",
                "content": "The code uses pandas to transform data frames",
                "timestamp": "2024-06-30",
            },
        ],
        project_path="/home/me/data-pipeline",
        mode="hybrid",
    )
    return client


def ids(answer):
    return [one.id for one in answer.results]
