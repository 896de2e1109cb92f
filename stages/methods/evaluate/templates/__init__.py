"""Sentences about persons, in which only the person changes: invented, a small set for each language."""

from stages.methods.evaluate.templates.english import ENGLISH
from stages.methods.evaluate.templates.french import FRENCH
from stages.methods.evaluate.templates.german import GERMAN
from stages.methods.evaluate.templates.spanish import SPANISH

LANGUAGES = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "fr": FRENCH}
