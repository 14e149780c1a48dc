import pytest

from mcp_context_persistence.ingest.extraction.decision_cues import find_decision_sentences


@pytest.mark.parametrize(
    "sentence",
    [
        "We decided to use Neo4j for the graph.",
        "I've decided we're going to switch to Postgres.",
        "Decided against the second design.",
        "We've settled on the blue tiles.",
        "OK, final answer: we take the train.",
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
        "We're going with the bigger truck.",
        "We settled on weekly demos, because monthly ones could be too rare.",
        "The plan is to move the files to the new disk.",
        "We'll stick with Gradle for now.",
        "Opted for the aisle seats.",
        "Legal signed off on the contract.",
        "Final call: no dark mode in this version.",
        "OK, final call: we print on recycled paper.",
        "The trustees approved the budget unanimously.",
        "Postgres it is!",
        "Okay, blue it is then.",
        "It was decided that the cellar is closed.",
        "It has been agreed to share the costs.",
        "We won't be using the old templates any more.",
        "We're not going with the glass roof.",
        "I've made up my mind about the flat.",
        "The board approved the merger.",
        "The motion was carried.",
        "She chose the smaller flat over the house.",
        "Something to consider is that we decided not to paint the door.",
        "We've more or less agreed that the shop moves.",
        "We've chosen the smaller hall.",
        "Our choice is the smaller hall.",
        "Let's not use the smaller hall.",
        "Yep, let's do the blue one then.",
        "Ok let's take option B.",
        "Let's just pick the cheaper model.",
        "We are moving forward with the smaller hall.",
        "We'll go ahead with the sale.",
        "We're all agreed: dogs stay outside.",
        "We picked oak for the table.",
        "Decision: the party is on Sunday.",
    ],
)
def test_a_sentence_that_settles_something_states_a_decision(sentence: str) -> None:
    text = f"Hello there. {sentence} More of it later."
    (decision,) = find_decision_sentences(text)
    assert decision.text == sentence
    assert text[decision.start : decision.end] == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "Have you decided on a name?",
        "We have not decided on a database yet.",
        "We've not settled on a name.",
        "What is your final answer?",
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
        "Did we settle on a name",
        "What did the board decide on the merger?",
        "One option is to go with the bigger truck.",
        "If we go with the bigger truck, we need a new gate.",
        "You said the plan is to wait, but is it?",
        "We never agreed on that.",
        "Nobody signed off on this.",
        "I will let you know when we've decided on a date.",
        "They would have opted for the bus.",
        "What it is, nobody knows.",
        "Here it is.",
        "I thought it is late.",
        "We should go with the first one, I think.",
        "Let's do the dishes first.",
        "Let's take the dog out.",
        "Maybe let's do the blue one.",
        "Let's do the shopping and the cleaning.",
        "Can we go with the first one.",
        "We can stick with what we have.",
        "I would like to stick with tea.",
        "That is the button we agreed on.",
        "This is what we decided to do.",
        "We went with friends to the sea.",
        "Let's use this minute to breathe.",
        "We have to make our decisions in June.",
        "He agreed to help me.",
        "The method that we're going to use has three parts.",
        "I will show the pictures we just chose, and more.",
        "Farmers take the difficult decision to sell their land.",
        "Users will find that they won't use most of it.",
        "We ended up with some friends at the lake.",
        "Going forward, we need to talk more.",
        "Yes, it is!",
        "Well, maybe it is.",
        "No more questions from me.",
        "We will continue to be nimble going forward.",
        "I'm going to keep using my voice.",
        "The hall we chose is small.",
        "The dust has settled on the shelves.",
        "Each case will be decided on its own.",
        "We are not going with you.",
        "Agreed!",
        "Going.",
        "",
        "\n\n",
    ],
)
def test_an_open_or_unrelated_sentence_states_no_decision(sentence: str) -> None:
    assert find_decision_sentences(sentence) == []


def test_each_sentence_is_returned_once_and_dots_inside_words_do_not_end_it() -> None:
    text = 'We agreed on "v1.2." Then rain.\nLet\'s use Python 3.12 for it'
    decisions = find_decision_sentences(text)
    assert [decision.text for decision in decisions] == [
        'We agreed on "v1.2."',
        "Let's use Python 3.12 for it",
    ]
    assert all(text[decision.start : decision.end] == decision.text for decision in decisions)


def test_a_very_long_sentence_states_no_decision() -> None:
    assert find_decision_sentences(f"We decided to use {'x' * 1_900}.")
    assert find_decision_sentences(f"We decided to use {'x' * 2_000}.") == []


def test_a_long_text_does_not_take_long() -> None:
    assert find_decision_sentences("we decided " * 20_000) == []
    assert len(find_decision_sentences("We agreed to meet. " * 5_000)) == 5_000
