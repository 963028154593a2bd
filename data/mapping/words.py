"""Words of field names: other languages and abbreviations, as the words our own columns are named by.

Our own list, from the headings of carriers' and forwarders' exports; it only ranks proposals, so a wrong or
missing word costs a person a look, and nothing else.
"""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz

#: Left as one word: it is what our own columns say, or nothing that tells columns apart.
NOISE = {"the", "of", "der", "die", "das", "des", "de", "la", "le", "du", "and", "und"}
SYNONYMS = {
    "event": "event ereignis meldung statusmeldung status evenement estado evento",
    "code": "code kode schluessel kuerzel codigo",
    "number": "id number no nr num nummer numero kennung key identifier kennzeichen",
    "carrier": "carrier spediteur spedition frachtfuehrer transporteur transportista haulier trucker",
    "scac": "scac",
    "reference": "reference ref referenz bezug referencia zeichen",
    "shipment": "shipment sendung lieferung transport envio expedition ladung consignment",
    "order": "order auftrag bestellung commande pedido",
    "customer": "customer kunde empfaenger client cliente consignee",
    "container": "container behaelter conteneur contenedor equipment",
    "type": "type typ art kind tipo",
    "location": "location ort standort place lieu lugar ubicacion stelle",
    "country": "country land pays pais",
    "city": "city stadt ville ciudad",
    "occurred": "occurred zeitpunkt eingetreten happened ereigniszeit statuszeit",
    "time": "at time zeit uhrzeit datum date fecha heure hora stamp timestamp zeitstempel on",
    "reported": "reported gemeldet meldezeit sent gesendet received erfasst created erstellt",
    "planned": "planned plan geplant soll scheduled prevu",
    "departure": "departure abfahrt abgang depart salida",
    "arrival": "arrival ankunft arrivee llegada",
    "remark": "remark bemerkung hinweis kommentar comment note notes remarque observacion text freitext",
    "classifier": "classifier klassifikation certainty",
    "weight": "weight gewicht poids peso",
    "quantity": "quantity qty menge anzahl quantite cantidad pieces stueck",
    "value": "value wert valeur valor amount betrag",
    "currency": "currency waehrung devise moneda",
    "origin": "origin herkunft ursprung versandort absender",
    "destination": "destination ziel zielort bestimmungsort destino",
    "mode": "mode verkehrstraeger modus",
    "item": "item artikel sku produit material position",
}
OURS = {word: canonical for canonical, words in SYNONYMS.items() for word in words.split()}
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
LINKS = ("", "s", "n", "en", "es")


def words_of(name: str) -> str:
    """The words of a field name as ours, such as "shipment number" for Sendungsnr."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", parted).lower().translate(UMLAUTS))
    letters = re.findall(r"[a-z]+", "".join(mark for mark in plain if not unicodedata.combining(mark)))
    return " ".join(found for word in letters if word not in NOISE for found in _canonical(word))


def likeness(ours: str, theirs: str) -> int:
    """How alike two field names are, from 0 to 100."""
    one, other = words_of(ours), words_of(theirs)
    if not one or not other:
        return 0
    return round(max(fuzz.token_sort_ratio(one, other), 0.85 * fuzz.token_set_ratio(one, other)))


def _canonical(word: str) -> list[str]:
    if word in OURS:
        return [OURS[word]]
    # Compounds such as Sendungs-nummer; the longest first part wins.
    for cut in range(len(word) - 2, 1, -1):
        first, second = word[:cut], word[cut:]
        for link in LINKS:
            if first.removesuffix(link) in OURS and first.endswith(link) and second in OURS:
                return [OURS[first.removesuffix(link)], OURS[second]]
    return [word]
