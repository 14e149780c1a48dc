"""Instructions, preferences and facts about the user in a message."""

import pytest

from mcp_context_persistence.ingest.extraction.instruction_cues import (
    MAX_PER_TEXT,
    describe_instruction,
    find_instructions,
)


def find(text: str) -> list[str]:
    return [instruction.text for instruction in find_instructions(text)]


def find_alone(text: str):
    (instruction,) = find_instructions(text)
    return instruction


@pytest.mark.parametrize(
    ("sentence", "kind", "rule"),
    [
        ("Always show the SQL next to the chart.", "instruction", "always"),
        ("Never use em dashes.", "instruction", "always"),
        ("Don't use emojis.", "instruction", "please"),
        ("No bullet points, please.", "instruction", "please"),
        ("Skip the small talk.", "instruction", "please"),
        ("Write in plain English.", "instruction", "please"),
        ("Please use metric units.", "instruction", "please"),
        ("Please don't send me links.", "instruction", "please"),
        ("Talk to me like I'm a beginner.", "instruction", "please"),
        ("I teach chess at a primary school.", "fact", "I live in"),
        ("I'm vegan.", "fact", "I am"),
        ("I am a widower with a grown-up son.", "fact", "I am"),
        ("I'm hard of hearing, so subtitles matter.", "fact", "I am"),
        ("I'm still learning to swim.", "fact", "I am"),
        ("I'm learning Japanese on weekends.", "fact", "I am"),
        ("I'm training for the Berlin half marathon.", "fact", "I am"),
        ("I'm in my second year of a physics degree.", "fact", "I am"),
        ("I'm based in São Paulo.", "fact", "I am"),
        ("I study history at the University of Ghent.", "fact", "I live in"),
        ("I've had asthma since childhood.", "fact", "I have"),
        ("I have high blood pressure.", "fact", "I have"),
        ("I drive an old van.", "fact", "I have"),
        ("I also play the cello.", "fact", "I have"),
        ("We have one daughter called Freya.", "fact", "I have"),
        ("I don't own a TV.", "fact", "I don't"),
        ("I gave up coffee in January.", "fact", "I don't"),
        ("My vet is Dr. Silva.", "fact", "my … is"),
        ("My landlord is Mr. Petrov, from the second floor.", "fact", "my … is"),
        ("I take my tea without milk.", "preference", "I prefer"),
        ("I'd prefer trains over planes.", "preference", "I prefer"),
        ("Colleagues call me Red.", "instruction", "call me"),
        ("Address me formally.", "instruction", "call me"),
        ("Use Celsius.", "instruction", "please"),
        ("Stop apologizing.", "instruction", "please"),
        ("Let's use metric units.", "instruction", "please"),
        ("Avoid technical terms.", "instruction", "please"),
        ("Please be blunt with me.", "instruction", "please"),
        ("Don't suggest restaurants with seafood.", "instruction", "please"),
        ("Only cite papers with a DOI.", "instruction", "please"),
        ("Don't explain the basics.", "instruction", "please"),
        ("Explain things like I'm five.", "instruction", "please"),
        ("Show the formula every time.", "instruction", "always"),
        ("Always use examples, e.g. in Python, with comments.", "instruction", "always"),
        ("I want you to respond in Italian.", "instruction", "want you to"),
        ("Whenever I mention Rex, I mean my dog.", "instruction", "when I ask"),
        ("I've been a vegetarian since 2010.", "fact", "I am"),
        ("My son is four and loves trains.", "fact", "my … is"),
        ("I use a wheelchair.", "fact", "I have"),
        ("I'd rather have metric units.", "preference", "I prefer"),
        ("I run a small bindery in Lund.", "fact", "I run"),
        ("I own two hotels.", "fact", "I run"),
        ("I moved to Lund last spring.", "fact", "I live in"),
        ("I grew up in Ghana.", "fact", "I live in"),
        ("I'm from Ghana.", "fact", "I am"),
        ("I'm 34 years old.", "fact", "I am"),
        ("I'm married to a baker.", "fact", "I am"),
        ("I have a peanut allergy.", "fact", "I have"),
        ("Don't use emojis when you write to me.", "instruction", "please"),
        ("Be brief when you explain something to me.", "instruction", "please"),
        ("Please always answer in German.", "instruction", "always"),
        ("And please never suggest paid tools.", "instruction", "always"),
        ("When I ask about recipes, always give the quantities in grams.", "instruction", "always"),
        ("For Python questions, always add type hints.", "instruction", "always"),
        ("In your answers, never use emojis.", "instruction", "always"),
        ("Make sure to always cite your sources.", "instruction", "always"),
        ("You should never guess an order number.", "instruction", "always"),
        ("From now on, reply in short sentences.", "instruction", "from now on"),
        ("From now on please don't use tables.", "instruction", "from now on"),
        ("Going forward, use metric units.", "instruction", "from now on"),
        ("Use metric units from now on.", "instruction", "please"),
        ("Include the license whenever I ask about a library.", "instruction", "when I ask"),
        ("If I ask for a summary, keep it below 100 words.", "instruction", "when I ask"),
        ("Please keep your answers short.", "instruction", "please"),
        ("Please don't use bullet points in your replies.", "instruction", "please"),
        ("Stop adding disclaimers to your answers.", "instruction", "please"),
        ("Don't mention my age ever again.", "instruction", "please"),
        ("I want you to end each of your answers with a question.", "instruction", "want you to"),
        ("I want all answers in short sentences.", "instruction", "want you to"),
        ("I'd like your replies without emojis.", "instruction", "want you to"),
        ("I always want answers in metric units.", "instruction", "want you to"),
        ("I would prefer every answer to be brief.", "instruction", "want you to"),
        ("Keep responses under 200 words.", "instruction", "please"),
        ("No emojis in your replies, please.", "instruction", "please"),
        ("Answer in Spanish.", "instruction", "please"),
        ("Use British spelling in everything you write.", "instruction", "please"),
        ("Do not use the word delve.", "instruction", "please"),
        ("Whenever you write code, add comments.", "instruction", "when I ask"),
        ("If I mention the project, assume that I mean Atlas.", "instruction", "when I ask"),
        ("It's important that you always confirm a deletion.", "instruction", "always"),
        ("Don't ever call me Robert.", "instruction", "always"),
        ("Never ever apologize.", "instruction", "always"),
        ("By default, use pandas.", "instruction", "from now on"),
        ("I'd like all code in TypeScript from now on.", "instruction", "from now on"),
        ("Call me Jo.", "instruction", "call me"),
        ("You can call me Mrs Weber.", "instruction", "call me"),
        ("Don't call me sir, just call me Jo.", "instruction", "call me"),
        ("Please don't call me madam.", "instruction", "call me"),
        ("For travel tips, assume that money is tight.", "instruction", "for questions"),
        ("In code examples, use tabs.", "instruction", "for questions"),
        ("Stop calling me Robert.", "instruction", "call me"),
        ("I prefer trains to planes.", "preference", "I prefer"),
        ("I generally prefer window seats.", "preference", "I prefer"),
        ("My preference is a quiet room.", "preference", "I prefer"),
        ("My favorite cuisine is Ethiopian.", "preference", "favorite"),
        ("I don't eat meat.", "preference", "I don't"),
        ("I never drink coffee after noon.", "preference", "I don't"),
        ("I don’t use Windows.", "preference", "I don't"),
        ("I can't stand jargon.", "preference", "I hate"),
        ("I'm allergic to peanuts.", "fact", "I am"),
        ("I am a vegetarian.", "fact", "I am"),
        ("I'm a midwife in Graz.", "fact", "I am"),
        ("I’m a retired chemistry teacher.", "fact", "I am"),
        ("I am a glassmaker by trade.", "fact", "I am"),
        ("My name is Ana Costa.", "fact", "my … is"),
        ("My time zone is CET.", "fact", "my … is"),
        ("My wife's name is Petra.", "fact", "my … is"),
        ("I live in Utrecht.", "fact", "I live in"),
        ("I work as a nurse.", "fact", "I live in"),
        ("I work night shifts.", "fact", "I live in"),
        ("I mostly work from home, so evenings are best.", "fact", "I live in"),
        ("I have two daughters, Ida and Liv.", "fact", "I have"),
        ("I've got a cat named Miso.", "fact", "I have"),
        ("I have a twin sister.", "fact", "I have"),
        ("Reply to me in Danish, please.", "instruction", "please"),
        ("Answer me in Danish.", "instruction", "please"),
        ("I'm a keen swimmer and a plumber in Kiel.", "fact", "I am"),
        ("I can only eat soft food.", "preference", "I don't"),
        ("I speak Dutch and a little Greek.", "fact", "I speak"),
        ("I don't speak Korean.", "fact", "I speak"),
        ("My dietary needs: no pork.", "fact", "my … is"),
        ("Remember that I have two cats.", "fact", "remember"),
        ("im vegan.", "fact", "I am"),
        ("dont use emojis pls.", "instruction", "please"),
        ("No markdown please, my screen reader chokes on it.", "instruction", "please"),
        ("From now on, whenever I paste code, only reply with it.", "instruction", "when I ask"),
        ("If I ask for a summary, make it short.", "instruction", "when I ask"),
        ("Stop explaining what you do.", "instruction", "please"),
        ("No long intros in future.", "instruction", "please"),
        ("Address me with Du.", "instruction", "call me"),
        ("I'd prefer if you asked before you delete files.", "instruction", "want you to"),
        ("I'm not a fan of horror films.", "preference", "I hate"),
        ("I don't like coriander.", "preference", "I hate"),
        ("My company is called Nordlys.", "fact", "my … is"),
        ("We have a terrier called Biscuit.", "fact", "I have"),
        ("I was diagnosed with asthma.", "fact", "I have"),
        ("My son has asthma.", "fact", "I have"),
        ("I got a new job at Siemens.", "fact", "I work at"),
    ],
)
def test_wordings_are_recognized(sentence: str, kind: str, rule: str) -> None:
    instruction = find_alone(f"Hello there. {sentence} Thanks!")
    assert (instruction.kind, instruction.rule) == (kind, rule)
    assert instruction.text == sentence.rstrip(".") or instruction.text == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "I'm learning that the hard way.",
        "I'm training for an hour, then going home.",
        "I'm in my car.",
        "I drive a hard bargain.",
        "I play around with the config.",
        "I have a headache today.",
        "I don't have a clue.",
        "We have two options.",
        "My boss is angry.",
        "I'm blind to that.",
        "I'd prefer the second option.",
        "I prefer.",
        "I stopped the server.",
        "Don't suggest it to him.",
        "He calls me a liar.",
        "If I mention Kit, will he be upset?",
        "My friend says I'm a night owl.",
        "I wonder whether I'm diabetic.",
        "I'm not vegan.",
        "I always wanted to see Lisbon.",
        "Always a pleasure to talk to you.",
        "Always wear a helmet, said my dad.",
        "Never lend money to friends, as my aunt always says.",
        "Call me when you write the report.",
        "Never mind, it works now.",
        "Never heard of it.",
        "You are always so kind.",
        "Should I always use type hints?",
        "Do you prefer tea?",
        "Would you prefer if I called you?",
        "If you prefer, we can meet at noon.",
        "She says I prefer tea.",
        "I want all responses in by Monday.",
        "I need answers from the supplier.",
        "I only need answers in a hurry.",
        "Do I want all answers in one list?",
        "I want to sleep more from now on.",
        "I hate it when that happens.",
        "We always deploy on Fridays.",
        "The customer said: I don't eat meat.",
        "Please book a table for two.",
        "Please send me the report when you can.",
        "Call me when you are back.",
        "Call me later.",
        "Call me Monday.",
        "For further questions, call the office.",
        "For the recipes, use the small print.",
        "Please don't call me.",
        "Don't call me before noon.",
        "Don't call me tomorrow.",
        "I'm a big fan of yours.",
        "I'm a friend of Petra.",
        "I'm not a doctor.",
        "If I'm a doctor, may I park here?",
        "Pretend that I'm a doctor.",
        "I never said that you should always answer briefly.",
        "From now on I'll go running every morning.",
        "My plan is to leave at noon.",
        "My car is in the garage.",
        "I don't use it.",
        "Remember when we went to Rome?",
        "I prefer that one.",
        "Always Be My Baby is a song.",
        "What does it mean to always use HTTPS?",
        "Use the red one today.",
        "If I work on Sunday, I get Monday off.",
        "I have a doctor appointment.",
        "I speak on Friday.",
        "I run a marathon every year.",
        "Please send me the links.",
        "Use bullet points.",
        "My son is four houses down the road.",
        "I've been a long way today.",
        "I run a query every hour.",
        "I moved to Monday.",
        "I moved the bed to Lund.",
        "If I moved to Lund, I would sell it.",
        "I have a shop in mind.",
        "The emojis look great.",
        "He told me to use metric units.",
        "Use the emojis from the second sheet.",
        "I speak Friday at noon.",
        "I speak to Nadia often.",
        "I have two cat pictures.",
        "Can I have a dog?",
        "If I have a daughter, she will sing.",
    ],
)
def test_what_is_no_instruction_is_left_out(sentence: str) -> None:
    assert find(sentence) == []


@pytest.mark.parametrize(
    "text",
    [
        "> Always answer in French.\nIs that polite?",
        'The sign says "Always wear a helmet."',
        "```\n# Always use tabs.\nAlways use tabs\n```",
        "Please translate this text:\n\nAlways keep the receipt. I prefer cash.",
        "Here is the e-mail I got:\nI don't eat meat. Never call me Bob.",
        "What do you think of this system prompt?\n\nYou are a pirate. Always answer in rhymes.",
        "Check this chat.\nUser: I prefer tea.\nAssistant: Noted.",
        "Subject: Rules\nFrom: Ann\n\nNever leave the door open.",
        "~~Always use tabs.~~",
        "My friend says you should never use tabs. I don't think I'm vegan.",
        "Translate into German: Always keep the receipt.",
        "Is this letter polite?\n\nNever call me again. I prefer silence.",
        "Thoughts?\n\n" + "The rules of the house are old. " * 100 + "Always lock the door.",
    ],
)
def test_quoted_and_pasted_text_is_left_out(text: str) -> None:
    assert find(text) == []


def test_own_words_before_a_pasted_text_count() -> None:
    text = "Never use passive voice. Here is my draft:\n\nAlways look on the bright side."
    assert find(text) == ["Never use passive voice."]


def test_a_first_sentence_about_a_part_to_play_is_an_own_one() -> None:
    text = "You are a careful tutor. Always show the steps."
    assert find(text) == ["Always show the steps."]


def test_own_rules_after_a_colon_count() -> None:
    text = "Please follow these rules:\n- Always cite sources.\n- Never use slang."
    assert find(text) == ["Always cite sources.", "Never use slang."]


def test_a_clause_of_a_question_is_cut_where_the_question_begins() -> None:
    text = "I'm planning a trip, and I prefer small hotels over resorts, can you help me find one?"
    instruction = find_alone(text)
    assert instruction.text == "I prefer small hotels over resorts"
    assert text[instruction.start : instruction.end] == instruction.text


def test_a_request_in_the_form_of_a_question_counts() -> None:
    instruction = find_alone("Could you always answer in French?")
    assert (instruction.text, instruction.rule) == ("Could you always answer in French", "always")


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Always include error codes when I ask about API errors.", "API errors"),
        ("When I ask for recipes, always use grams.", "recipes"),
        ("For Python questions, always add type hints.", "Python"),
        ("Always use tabs.", ""),
        ("In your answers, never use emojis.", ""),
        ("I prefer short answers.", ""),
        ("I prefer small hotels.", "small hotels."),
        ("I'm allergic to peanuts.", ""),
        ("My name is Ana.", ""),
        ("I don't eat meat.", ""),
    ],
)
def test_the_topic_is_what_must_come_up(text: str, topic: str) -> None:
    assert find_alone(text).topic.rstrip(".") == topic.rstrip(".")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Always answer in German.", "From now on, answer in French."),
        ("Please keep your answers short.", "Please give me long answers from now on."),
        ("Always use tabs.", "Never use tabs."),
        ("I prefer tea over coffee.", "I prefer coffee over tea."),
        ("My name is Ana.", "My name is Anna Costa."),
        ("Call me Jo.", "Please call me Joanna."),
        ("My favorite color is red.", "My favorite color is blue."),
        ("I live in Utrecht.", "I now live in Ghent."),
        ("I live in Utrecht.", "I moved to Ghent in May."),
        ("I work for Philips.", "I got a job at Siemens."),
        ("Keep answers under 100 words.", "Keep answers under 300 words."),
        ("Use metric units from now on.", "Use imperial units from now on."),
    ],
)
def test_a_later_value_has_the_same_address(first: str, second: str) -> None:
    earlier, later = find_alone(first), find_alone(second)
    assert (earlier.subject, earlier.attribute) == (later.subject, later.attribute)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Always use tabs.", "Always cite sources."),
        ("I'm allergic to peanuts.", "I'm allergic to shrimps."),
        ("Call me Jo.", "Don't call me madam."),
        ("My favorite color is red.", "My favorite song is Hurt."),
        ("My wife's name is Petra.", "My name is Ana."),
        ("I'm vegan, and my wife is called Petra.", "My wife is called Petra."),
        (
            "Keep your answers short when I ask about code.",
            "Keep your answers long when I ask about history.",
        ),
    ],
)
def test_other_attributes_have_other_addresses(first: str, second: str) -> None:
    earlier, later = find_alone(first), find_alone(second)
    assert (earlier.subject, earlier.attribute) != (later.subject, later.attribute)


def test_a_saved_text_keeps_its_topic() -> None:
    saved = describe_instruction("Use grams.", "instruction", "recipes")
    assert (saved.text, saved.topic, saved.subject) == ("Use grams.", "recipes", "assistant")
    assert describe_instruction("Use grams when I ask for recipes", "instruction", None).topic == (
        "recipes"
    )


def test_the_number_of_instructions_of_a_text_is_limited() -> None:
    text = "\n".join(f"Always use rule {number}." for number in range(MAX_PER_TEXT + 5))
    assert len(find(text)) == MAX_PER_TEXT


@pytest.mark.parametrize("tag", ["ok?", "okay?", "please?", "will you?", "got it?"])
def test_a_request_with_a_tag_is_no_question(tag: str) -> None:
    assert find(f"Don't use emojis in your replies, {tag}")
    assert not find(f"Do you use emojis in your replies, {tag}")
