"""Facilities, lanes and carriers of the demo network: fixed tables of our own making.

Places are real towns and ports, so that maps and time zones look right; companies are invented.
Coordinates are WGS 84 degrees and rounded; ports and hubs carry their UN/LOCODE as facility code. What a
company of a given size has (customers, products) is drawn in `network`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facility:
    """A place goods pass: latitude and longitude in degrees, time_zone an IANA name."""

    code: str
    name: str
    kind: str
    un_locode: str | None
    latitude: float
    longitude: float
    country: str
    time_zone: str
    city: str
    region: str | None


@dataclass(frozen=True)
class Carrier:
    """A carrier, how well it keeps its plan, and how it reports.

    late_departure, incident, rollover, silence and slow_pod are probabilities (0-1); drag is the share by
    which its legs take longer than planned; report_lag_hours is the mean time from event to message.
    """

    scac: str
    name: str
    mode: str
    weight: float
    late_departure: float
    drag: float
    incident: float
    rollover: float
    silence: float
    slow_pod: float
    report_lag_hours: float
    reference_type: str
    spelling: str
    local_offset: bool = False
    uses_locodes: bool = False
    regions: tuple[str, ...] = ("any",)


@dataclass(frozen=True)
class Lane:
    """A way goods go: stops from origin to destination, planned leg hours, and its own drag (share)."""

    mode: str
    stops: tuple[str, ...]
    leg_hours: tuple[float, ...]
    weight: float
    drag: float
    region: str = "any"


_PLACES = """
CNSHA|Port of Shanghai|port|CNSHA|31.23|121.49|CN|Asia/Shanghai|Shanghai|
CNYTN|Port of Yantian|port|CNYTN|22.57|114.27|CN|Asia/Shanghai|Yantian|
VNSGN|Port of Ho Chi Minh City|port|VNSGN|10.77|106.71|VN|Asia/Ho_Chi_Minh|Ho Chi Minh City|
INNSA|Nhava Sheva (Jawaharlal Nehru)|port|INNSA|18.95|72.95|IN|Asia/Kolkata|Nhava Sheva|
USLAX|Port of Los Angeles|port|USLAX|33.74|-118.26|US|America/Los_Angeles|Los Angeles|CA
USSAV|Port of Savannah|port|USSAV|32.13|-81.14|US|America/New_York|Savannah|GA
NLRTM|Port of Rotterdam|port|NLRTM|51.95|4.14|NL|Europe/Amsterdam|Rotterdam|
DEHAM|Port of Hamburg|port|DEHAM|53.53|9.93|DE|Europe/Berlin|Hamburg|
CNPVG|Shanghai Pudong cargo hub|hub|CNPVG|31.14|121.81|CN|Asia/Shanghai|Shanghai|
HKHKG|Hong Kong cargo hub|hub|HKHKG|22.31|113.92|HK|Asia/Hong_Kong|Hong Kong|
USCHI|Chicago cargo hub|hub|USCHI|41.98|-87.90|US|America/Chicago|Chicago|IL
DEFRA|Frankfurt cargo hub|hub|DEFRA|50.03|8.57|DE|Europe/Berlin|Frankfurt|
USMEM|Memphis cross-dock|hub|USMEM|35.05|-89.98|US|America/Chicago|Memphis|TN
USIND|Indianapolis cross-dock|hub|USIND|39.72|-86.29|US|America/Indiana/Indianapolis|Indianapolis|IN
USSLC|Salt Lake City cross-dock|hub|USSLC|40.76|-111.97|US|America/Denver|Salt Lake City|UT
USLRD|Laredo border cross-dock|hub|USLRD|27.53|-99.50|US|America/Chicago|Laredo|TX
DEDUI|Duisburg cross-dock|hub|DEDUI|51.44|6.74|DE|Europe/Berlin|Duisburg|
CZPRG|Prague cross-dock|hub|CZPRG|50.06|14.51|CZ|Europe/Prague|Prague|
PL-SUZHOU|Suzhou plant|plant|CNSZH|31.30|120.62|CN|Asia/Shanghai|Suzhou|
PL-WUXI|Wuxi plant|plant|CNWUX|31.57|120.30|CN|Asia/Shanghai|Wuxi|
PL-SHENZHEN|Shenzhen plant|plant|CNSZX|22.64|114.06|CN|Asia/Shanghai|Shenzhen|
PL-SAIGON|Ho Chi Minh City plant|plant||10.87|106.80|VN|Asia/Ho_Chi_Minh|Ho Chi Minh City|
PL-PUNE|Pune plant|plant|INPNQ|18.52|73.86|IN|Asia/Kolkata|Pune|
PL-STUTTGART|Stuttgart plant|plant|DESTR|48.78|9.18|DE|Europe/Berlin|Stuttgart|
PL-MONTERREY|Monterrey plant|plant|MXMTY|25.69|-100.32|MX|America/Monterrey|Monterrey|
DC-RENO|Reno distribution centre|dc|USRNO|39.53|-119.81|US|America/Los_Angeles|Reno|NV
DC-ONTARIO|Ontario (California) distribution centre|dc|USONT|34.06|-117.65|US|America/Los_Angeles|Ontario|CA
DC-ATLANTA|Atlanta distribution centre|dc|USATL|33.75|-84.39|US|America/New_York|Atlanta|GA
DC-COLUMBUS|Columbus distribution centre|dc|USCMH|39.96|-83.00|US|America/New_York|Columbus|OH
DC-VENLO|Venlo distribution centre|dc|NLVEN|51.37|6.17|NL|Europe/Amsterdam|Venlo|
DC-WARSAW|Warsaw distribution centre|dc|PLWAW|52.23|21.01|PL|Europe/Warsaw|Warsaw|
CS-SEATTLE|Seattle customer site|customer_site||47.61|-122.33|US|America/Los_Angeles|Seattle|WA
CS-DENVER|Denver customer site|customer_site||39.74|-104.99|US|America/Denver|Denver|CO
CS-PHOENIX|Phoenix customer site|customer_site||33.45|-112.07|US|America/Phoenix|Phoenix|AZ
CS-DALLAS|Dallas customer site|customer_site||32.78|-96.80|US|America/Chicago|Dallas|TX
CS-STLOUIS|St. Louis customer site|customer_site||38.63|-90.20|US|America/Chicago|St. Louis|MO
CS-BOSTON|Boston customer site|customer_site||42.36|-71.06|US|America/New_York|Boston|MA
CS-MILWAUKEE|Milwaukee customer site|customer_site||43.04|-87.91|US|America/Chicago|Milwaukee|WI
CS-MUNICH|Munich customer site|customer_site||48.14|11.58|DE|Europe/Berlin|Munich|
CS-LYON|Lyon customer site|customer_site||45.76|4.84|FR|Europe/Paris|Lyon|
CS-MILAN|Milan customer site|customer_site||45.46|9.19|IT|Europe/Rome|Milan|
CS-VIENNA|Vienna customer site|customer_site||48.21|16.37|AT|Europe/Vienna|Vienna|
CS-COPENHAGEN|Copenhagen customer site|customer_site||55.68|12.57|DK|Europe/Copenhagen|Copenhagen|
"""


def _facility(line: str) -> Facility:
    code, name, kind, locode, latitude, longitude, country, zone, city, region = line.split("|")
    return Facility(
        code,
        name,
        kind,
        locode or None,
        float(latitude),
        float(longitude),
        country,
        zone,
        city,
        region or None,
    )


FACILITIES: tuple[Facility, ...] = tuple(_facility(line) for line in _PLACES.strip().splitlines())

CARRIERS: tuple[Carrier, ...] = (
    Carrier(
        "NPLX",
        "Northern Pearl Line",
        "ocean",
        0.37,
        0.07,
        -0.02,
        0.03,
        0.02,
        0.05,
        0.04,
        1.5,
        "CONTAINER",
        "plain",
    ),
    Carrier(
        "ORSV",
        "Orient Star Vessels",
        "ocean",
        0.34,
        0.16,
        0.02,
        0.06,
        0.06,
        0.09,
        0.08,
        3.0,
        "CONTAINER",
        "spaced",
        local_offset=True,
    ),
    Carrier(
        "TSWN",
        "Tasman and Western",
        "ocean",
        0.20,
        0.30,
        0.08,
        0.12,
        0.10,
        0.14,
        0.12,
        6.0,
        "CONTAINER",
        "lower",
    ),
    Carrier(
        "BLTQ", "Baltiqua Shipping", "ocean", 0.08, 0.14, 0.01, 0.05, 0.04, 0.07, 0.08, 4.0, "PRO", "dashed"
    ),
    Carrier(
        "SKFR",
        "Skyfreight Union",
        "air",
        0.60,
        0.10,
        0.00,
        0.05,
        0.0,
        0.01,
        0.05,
        0.7,
        "PRO",
        "dashed",
        uses_locodes=True,
    ),
    Carrier(
        "CIRR",
        "Cirrus Cargo",
        "air",
        0.40,
        0.32,
        0.10,
        0.18,
        0.0,
        0.03,
        0.12,
        2.0,
        "PRO",
        "spaced",
        local_offset=True,
    ),
    Carrier(
        "HWYM",
        "Highway Mutual",
        "truck",
        0.45,
        0.07,
        0.00,
        0.04,
        0.0,
        0.01,
        0.05,
        0.5,
        "PRO",
        "plain",
        regions=("america",),
    ),
    Carrier(
        "PLNS",
        "Plains Overland",
        "truck",
        0.33,
        0.17,
        0.05,
        0.10,
        0.0,
        0.02,
        0.09,
        1.2,
        "PRO",
        "dashed",
        regions=("america",),
    ),
    Carrier(
        "RDRN",
        "Redrun Transport",
        "truck",
        0.22,
        0.38,
        0.14,
        0.26,
        0.0,
        0.03,
        0.20,
        3.0,
        "SHIPMENT",
        "lower",
        regions=("america",),
    ),
    Carrier(
        "EUVK",
        "Euro Verkehr Spedition",
        "truck",
        0.60,
        0.10,
        0.02,
        0.06,
        0.0,
        0.01,
        0.05,
        0.8,
        "PRO",
        "spaced",
        local_offset=True,
        regions=("europe",),
    ),
    Carrier(
        "ALPN",
        "Alpina Strassentransport",
        "truck",
        0.40,
        0.30,
        0.10,
        0.22,
        0.0,
        0.02,
        0.15,
        2.0,
        "SHIPMENT",
        "spaced",
        regions=("europe",),
    ),
)

# mode|stops|hours of the legs (0: from the distance)|weight|drag
_LANES = """
ocean|PL-SUZHOU CNSHA USLAX DC-RENO|0 360 0|7|0.02
ocean|PL-SUZHOU CNSHA USLAX DC-ONTARIO|0 360 0|6|0.00
ocean|PL-SUZHOU CNSHA NLRTM DC-VENLO|0 624 0|5|0.03
ocean|PL-WUXI CNSHA USLAX DC-ONTARIO|0 360 0|6|-0.01
ocean|PL-WUXI CNSHA USSAV DC-ATLANTA|0 552 0|5|0.05
ocean|PL-WUXI CNSHA DEHAM DC-WARSAW|0 648 0|3|0.06
ocean|PL-SHENZHEN CNYTN USLAX DC-RENO|0 360 0|4|-0.02
ocean|PL-SHENZHEN CNYTN NLRTM DC-VENLO|0 600 0|3|0.00
ocean|PL-SAIGON VNSGN USLAX DC-ONTARIO|0 456 0|3|0.08
ocean|PL-PUNE INNSA USSAV DC-ATLANTA|0 600 0|2|0.10
ocean|PL-PUNE INNSA DEHAM DC-WARSAW|0 528 0|2|0.02
air|PL-SUZHOU CNPVG USCHI DC-COLUMBUS|0 16 0|5|0.04
air|PL-SHENZHEN HKHKG USCHI DC-COLUMBUS|0 17 0|4|0.00
air|PL-SHENZHEN HKHKG DEFRA DC-VENLO|0 14 0|3|0.12
air|PL-STUTTGART DEFRA USCHI CS-MILWAUKEE|0 12 0|3|-0.02
truck|DC-RENO USSLC CS-DENVER|0 0|4|0.00
truck|DC-RENO USSLC CS-SEATTLE|0 0|4|0.06
truck|DC-ONTARIO USSLC CS-DENVER|0 0|3|0.02
truck|DC-ONTARIO USSLC CS-PHOENIX|0 0|3|0.15
truck|DC-ATLANTA USMEM CS-DALLAS|0 0|5|-0.02
truck|DC-ATLANTA USMEM CS-STLOUIS|0 0|4|0.04
truck|DC-COLUMBUS USIND CS-MILWAUKEE|0 0|4|0.01
truck|DC-COLUMBUS USIND CS-BOSTON|0 0|4|0.12
truck|PL-MONTERREY USLRD CS-DALLAS|0 0|4|0.10
truck|PL-MONTERREY USLRD DC-ATLANTA|0 0|3|0.05
truck|DC-VENLO DEDUI CS-MUNICH|0 0|4|-0.02
truck|DC-VENLO DEDUI CS-LYON|0 0|3|0.06
truck|DC-VENLO DEDUI CS-COPENHAGEN|0 0|3|0.00
truck|DC-WARSAW CZPRG CS-VIENNA|0 0|3|0.04
truck|DC-WARSAW CZPRG CS-MILAN|0 0|3|0.16
"""

CUSTOMS_TERRITORY: dict[str, str] = {
    country: "EU" for country in ("NL", "DE", "PL", "CZ", "FR", "IT", "AT", "DK")
}


def lane_rows() -> list[tuple[str, tuple[str, ...], tuple[float, ...], float, float]]:
    """The lanes as written above: mode, stops, leg hours (0 where the distance decides), weight, drag."""
    rows = []
    for line in _LANES.strip().splitlines():
        mode, stops, hours, weight, drag = line.split("|")
        legs = tuple(float(hour) for hour in hours.split())
        rows.append((mode, tuple(stops.split()), legs, float(weight), float(drag)))
    return rows
