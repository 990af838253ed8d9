"""Which column of an annotation table means what: guessed from German and English names, or said by the user."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from semioscope.core.errors import ConfigError, nearest_names
from semioscope.core.formats import RECORDINGS, SEIZURES

PATIENT_LABEL = "patients."
"""``patients.NAME`` as a target makes the column a label of the patient."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "patient_id": (
        "patient", "pat", "patient id", "patientid", "patienten id", "patientennummer", "patient nr", "pat nr",
        "pat id", "subject", "subject id", "sub", "case", "fall", "pseudonym",
    ),
    "seizure_id": (
        "seizure", "seizure id", "seizure nr", "seizure no", "seizure number", "sz", "anfall", "anfall id",
        "anfall nr", "anfallsnummer", "event id", "event", "ereignis", "id",
    ),
    "recording_id": ("recording", "recording id", "aufnahme", "aufnahme id", "aufzeichnung", "video id", "session"),
    "path": ("video", "videodatei", "video file", "file", "filename", "file name", "datei", "dateiname", "pfad"),
    "view": ("camera", "kamera", "ansicht", "perspektive", "cam"),
    "start_datetime": (
        "recording start", "video start", "start of recording", "start of video", "aufnahmebeginn", "videobeginn",
        "aufnahmestart", "videostart", "startzeit video", "startzeit aufnahme", "beginn aufnahme", "beginn video",
    ),
    "onset": (
        "start", "seizure onset", "seizure start", "t0", "beginn", "anfallsbeginn", "anfangszeit", "anfang",
        "onset s", "onset seconds", "onset sec", "start s", "beginn s", "startzeit", "start time", "onset time",
    ),
    "clonic_onset": (
        "clonic", "clonic start", "onset clonic", "onsetclonic", "onset clonic phase", "tg", "beginn klonisch",
        "klonischer beginn", "klonisch", "klonische phase", "beginn klonische phase", "generalisierung",
        "generalisation", "generalization", "clonic onset s", "clonic onset seconds", "beginn klonus",
    ),
    "offset": (
        "end", "stop", "seizure end", "seizure offset", "t1", "ende", "anfallsende", "endzeit", "offset s",
        "offset seconds", "end s", "ende s", "end time", "offset time",
    ),
    "onset_clock": ("uhrzeit beginn", "uhrzeit anfang", "onset clock time", "clock onset", "uhrzeit anfallsbeginn"),
    "clonic_onset_clock": ("uhrzeit klonisch", "uhrzeit klonischer beginn", "uhrzeit beginn klonisch"),
    "offset_clock": ("uhrzeit ende", "offset clock time", "clock offset", "uhrzeit anfallsende"),
    "duration": ("dauer", "anfallsdauer", "length", "duration s", "duration seconds", "dauer s", "laenge"),
    "use": ("verwendung", "verwenden", "nutzung", "benutzen"),
    "annotator": (
        "rater", "reader", "reviewer", "befunder", "auswerter", "annotiert von", "annotated by", "untersucher"
    ),
    "seizure_type": ("type", "typ", "anfallstyp", "anfallsart", "anfallsform", "seizure type", "class", "klasse"),
    "syndrome": ("syndrom", "epilepsy syndrome", "epilepsiesyndrom", "epilepsieform", "epilepsy type"),
    "side": ("seite", "lateralisation", "lateralization", "lateralisierung"),
}  # fmt: skip
"""Names of columns that stand for a target, in any case; signs and umlauts do not matter."""

PERSONAL = frozenset(
    {
        "name", "vorname", "nachname", "patientenname", "patient name", "first name", "last name", "surname",
        "geburtsdatum", "geb datum", "date of birth", "birth date", "birthdate", "birthday", "dob", "address",
        "adresse", "mrn", "medical record number", "fallnummer", "versichertennummer", "telefon", "phone", "email",
    }
)  # fmt: skip
"""Columns that identify a person; they are left out unless the user maps them."""

FIELDS = tuple(dict.fromkeys([*SEIZURES.accepted_names, *RECORDINGS.names, "duration"]))
"""Targets with a meaning; any other target is a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMeanings:
    """Target of each column that is used, and the columns that are left out because they name a person."""

    targets: Mapping[str, str]
    personal: tuple[str, ...]


def guess_mapping(
    header: Iterable[str], *, given: Mapping[str, str], drop: Iterable[str] = ()
) -> ColumnMeanings:
    """Return what each column of a table means.

    What the user says goes first, then equal names, then synonyms. Columns that remain are labels under their
    own name in small letters with underscores.

    Args:
        header: Names of the columns.
        given: Column by target, such as ``{"onset": "Beginn"}``.
        drop: Columns to leave out.

    Raises:
        ConfigError: If a column that is named does not exist, or two columns would have one target.
    """
    columns = list(header)
    by_plain = {plain(column): column for column in reversed(columns)}
    dropped = {_existing(column, columns, by_plain) for column in drop}
    targets: dict[str, str] = {}
    taken: set[str] = set()
    for target, name in given.items():
        column = _existing(name, columns, by_plain)
        if column in targets:
            msg = (
                f"Column {column!r} must have one target, got {targets[column]} and {target}. Drop one --map."
            )
            raise ConfigError(msg)
        targets[column] = target
        taken.add(target)
    free = [column for column in columns if column not in targets and column not in dropped]
    personal = [column for column in free if plain(column) in PERSONAL]
    for names in ({name: (name,) for name in (*FIELDS, *SYNONYMS)}, SYNONYMS):
        for target, words in names.items():
            if target in taken:
                continue
            found = [column for word in words for column in free if plain(column) == plain(word)]
            found = [column for column in found if column not in targets and column not in personal]
            if found:
                targets[found[0]] = target
                taken.add(target)
    for column in free:
        if column not in targets and column not in personal:
            label = plain(column).replace(" ", "_")
            if label in taken:
                msg = (
                    f"Two columns would become {label}: {column!r} is one. Say which with --map {label}=COLUMN, and "
                    f"leave the other out with --drop."
                )
                raise ConfigError(msg)
            targets[column] = label
            taken.add(label)
    return ColumnMeanings(
        targets={column: targets[column] for column in columns if column in targets}, personal=tuple(personal)
    )


def plain(name: str) -> str:
    """Return a name in small letters without umlauts, signs and units in brackets.

    Examples:
        >>> plain("Anfalls-Länge (s)"), plain("ONSET_clonic")
        ('anfalls laenge', 'onset clonic')
    """
    folded = name.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    bare = re.sub(r"[(\[].*?[)\]]", " ", folded)
    ascii_only = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", ascii_only)) or " ".join(folded.split())


def _existing(name: str, columns: list[str], by_plain: Mapping[str, str]) -> str:
    if name in columns:
        return name
    if plain(name) in by_plain:
        return by_plain[plain(name)]
    near = nearest_names(name, columns)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    msg = f"The table has no column {name!r}.{hint} Its columns: {', '.join(columns)}."
    raise ConfigError(msg)
