import pytest

from ingest.proposals import proposals


@pytest.mark.parametrize(
    "said",
    [
        "We decided to use Neo4j for the graph.",
        "I've decided we're going to switch to Postgres.",
        "Decided against the second design.",
        "The team agreed on weekly releases.",
        "Final decision: blue buttons everywhere.",
        "After the trial we went with the smaller model.",
        "Let's use pydantic for validation.",
        "We'll switch to uv next week.",
        "We are migrating the queue to Redis.",
        "Adopting the same convention here.",
        "All tickets go through the board from now on.",
        "We've decided not to ship on Friday.",
        "It’s decided: no meetings on Mondays.",
        "We picked Redis over Memcached for the sessions.",
        "Dropping the nightly job.",
        "We ruled out the second supplier.",
        "Our team adopted trunk-based development.",
        "Will send every invoice as a PDF going forward.",
    ],
)
def test_what_is_settled_is_proposed(said: str) -> None:
    found = proposals(f"Hello there. {said} More of it later.")
    assert [one.text for one in found] == [said]
    assert f"Hello there. {said} More of it later."[found[0].start : found[0].end] == said


@pytest.mark.parametrize(
    "said",
    [
        "Have you decided on a name?",
        "We have not decided on a database yet.",
        "I haven't decided whether to go.",
        "Maybe we should switch to Redis.",
        "We might go with the second one.",
        "If we decided to move, it would be in May.",
        "I am considering switching to tea.",
        "Promised I'd send it; let's use Friday.",
        "She suggested going with the old design.",
        "I will go with you to the station.",
        "I like green more than blue.",
        "I adopted a puppy last week.",
        "A friend of mine adopted last year.",
        "Thank you for sticking with it.",
        "There are challenges going forward.",
        "We are moving on to the next item.",
        "Agreed!",
        "Going.",
        "",
        "\n\n",
    ],
)
def test_what_is_open_or_something_else_is_not(said: str) -> None:
    assert proposals(said) == []


def test_each_sentence_is_one_proposal_and_dots_inside_words_end_none() -> None:
    text = 'He said: "We agreed on v1.2." Then rain.\nLet\'s use Python 3.12 for it'
    found = proposals(text)
    assert [one.text for one in found] == ['He said: "We agreed on v1.2."', "Let's use Python 3.12 for it"]
    assert [text[one.start : one.end] for one in found] == [one.text for one in found]


def test_a_long_text_takes_no_long_time() -> None:
    assert proposals("we decided " * 20_000) == []
    assert len(proposals("We agreed to meet. " * 5_000)) == 5_000
