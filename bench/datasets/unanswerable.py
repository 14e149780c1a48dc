"""Questions that nothing in the development sets answers: 50 subjects, four questions about each.

No message of the sets has the head noun of a subject. Half of the subjects serve to choose
thresholds, the other half to check them.
"""

from itertools import cycle, islice

_SUBJECT_LIST = """
accordion, zeppelin, beehive, submarine, harpsichord, tuba, chimney sweep, glacier crevasse,
periscope, wheelbarrow, gondola, falcon, thermostat, oboe, windmill,
monocle, nutcracker, oyster farm, parachute, quarry, rhubarb, saxophone, lute, unicycle,
didgeridoo, walrus, xylophone, yurt, zither, anvil, bagpipes, catapult, dulcimer, goggles,
ferret,
gargoyle, hammock, igloo, javelin, kimono, lawnmower, mandolin, nectarine, obelisk, porcupine,
quilt, rickshaw, sundial, trombone, velodrome
"""
_FORMS = (
    "What did I say about the {}?",
    "Where did we put the {}?",
    "When did we buy the {}?",
    "Who repaired the {}?",
    "How much did the {} cost?",
    "Why did I complain about the {}?",
    "Which color does the {} have?",
    "How often do I need the {}?",
)
FORMS_PER_SUBJECT = 4


def list_subjects() -> list[str]:
    """Return the subjects."""
    return [" ".join(subject.split()) for subject in _SUBJECT_LIST.split(",")]


def list_questions() -> tuple[list[str], list[str]]:
    """Return the questions about every other subject, and those about the rest."""
    forms = cycle(_FORMS)
    halves: tuple[list[str], list[str]] = ([], [])
    for number, subject in enumerate(list_subjects()):
        halves[number % 2].extend(form.format(subject) for form in islice(forms, FORMS_PER_SUBJECT))
        next(forms)
    return halves
