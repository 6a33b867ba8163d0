"""Acronyms and names in mixed case: which are spelled, which are read as words, and which are something else."""

from __future__ import annotations

from mmzoo_tts.text.items import Item, Spoken

SPELLED = frozenset(
    (
        # states and organizations
        "ABC ACLU AFL AMA AP BBC CBS CDC CIA CIO CNN DEA DHS DOD DOE DOJ ECB EPA ESA ESPN EU FAA FBI FCC FDA FTC GDR "
        "GOP IBRD ICC ICJ ILO IMF INS IRA IRS KGB KKK LAPD MGM MIT MLB MMA MTV NBA NBC NFL NHL NHS NIH NPR NRA NSA "
        "NSF NYC NYPD NYT NYU OECD PBS PGA PLO PRC RAF SEC TSA UAE UCLA UFC UK UN UPS US USA USC UNHCR USDA USMC "
        "USMCA USPS USSR WHO WTO WWE WWF "
        # companies and products
        "AFP AMD AOL AWS BMW BP DHL GE GM HBO HP HSBC IBM KFC KLM LG MSN PWC SAP VW "
        # places
        "DC DFW JFK LA LAX NZ SF UP "
        # people, work, money
        "AD ADHD AFAIK AGM AKA APR ATM BA BBQ BC BCE BS BTW CE CEO CFO CMO COB COO CPA CSR CTO CV DIY DJ DMV DWI EIN "
        "ETA ETF EVP FAQ FYI GDP GNP GED GPA HOA HR ICYMI ID IDK IMO IOU IPO IQ IRL IT KPI LGBT LGBTQ LLC LLP LOL "
        "MBA MC MD MP MVP NGO NSFW OCD OMG OP PA PM POV POW PR PTA PTO PTSD QA QC RFP RIP ROI RSVP SAT SEO SOS SSN "
        "SVP TBA TBC TBD TGIF TLC VAT VC VIP VP XL XXL XXXL "
        # computing and electronics
        "AC AI AM API AR CCTV CD CDN CI CLI CMS CPU CRM CRT CSS CSV DB DDR DNS DOM DPI DSL DSP DVD DVR EOF ERP FM "
        "FPGA FPS FTP GCC GDPR GPL GPS GPT GPU GSM HDD HDMI HDR HTML HTTP HTTPS IDE IO IP IRC ISP JS JVM JWT LCD LED "
        "LLM LTE ML MMS MS MVC NFC NFT NLP OCR OEM OOP OS PC PCB PCI PDA PDF PHP PPT PSU QR RDF RFC RFID RGB RPC RSS "
        "RTX SDK SLA SMS SMTP SQL SSD SSH SSL SSO SUV SVG TCP TLS TTL TTS TV UDP UHF UI UPC URI URL USB UTF UUID UX "
        "VGA VHF VHS VM VPN VR WPA WWW XHTML XML XSS "
        # science, medicine, vehicles
        "ABS ADD ALS ATP ATV BMI BPM CBC CFC CPR CT DDT DNA DUI ECG EEG EKG EMT ENT ER ESP EV GI GMO HIV HPV HVAC "
        "ICBM ICU IED IPA IUD IV IVF LNG LPG LSD MPG MPH MRI OBGYN OR PCR PMS PPE PPM PSI PVC RN RNA RPM RV STD STI "
        "TB TNT UFO UTI UV WMD "
        # time
        "BST CDT CET CST EDT EST GMT IST JST MST PDT PST UTC "
    ).split()
)
"""Acronyms whose letters are spoken, whether or not the lexicon has a word of these letters."""

READ = frozenset(
    (
        # organizations
        "ASEAN FEMA FIFA INTERPOL NAFTA NASA NASDAQ NATO NOAA OPEC OSHA PETA SWAT UNESCO UNICEF "
        # computing and electronics
        "ASCII BASIC BIOS CAD CAPTCHA COBOL DOS FLOPS FORTRAN GIF LAN LASER LASIK MIDI NAND NVRAM PIN RADAR RAID RAM "
        "ROM SIM SONAR UNIX WAN ZIP "
        # science, medicine
        "AIDS CAT COVID LIDAR MERS PET SARS SCUBA SPAM TASER "
        # people, work, money
        "ASAP AWOL FOMO IKEA NIMBY PAC POTUS SCOTUS STEM YOLO YUPPIE"
    ).split()
)
"""Acronyms that are read as words."""

NAMES = {
    "AAA": "triple A", "BibTeX": "bib tech", "BSc": "B S C", "CMOS": "sea moss", "CoV": "co V", "DoD": "D O D",
    "DoJ": "D O J",
    "GUI": "gooey", "IEEE": "I triple E", "IoT": "I O T", "JPEG": "J peg", "JPG": "J peg", "JSON": "jason",
    "LaTeX": "lay tech", "MacBook": "mac book", "MoMA": "moma",
    "MPEG": "M peg", "MSc": "M S C", "NAACP": "N double A C P",
    "NaN": "nan", "NumPy": "num pie", "OAuth": "o auth", "PaaS": "pass", "PhD": "P H D", "PyPI": "pie P I",
    "PyTorch": "pie torch", "ROTC": "rot C", "ReLU": "re lu", "SaaS": "sass", "SciPy": "sigh pie", "SCSI": "scuzzy",
    "SQLite": "S Q lite", "TeX": "tech", "VMware": "V M ware", "VoIP": "voyp", "WiFi": "wifi",
    "WWI": "W W one", "WWII": "W W two", "WYSIWYG": "wizzy wig", "YAML": "yammel",
}  # fmt: skip
"""Names that are neither spelled nor read as they are written; capitals are letters."""

ORDINARY = frozenset("ABS ADD AM COB IT LA LAX LED OR PA POW RIP SAP SAT UP US WHO".split())
"""Spelled acronyms that are also English words, and so are words in a sentence in capitals."""

EMPHASIZED = frozenset("ADD AM OR PA SAP UP".split())
"""Ordinary words that are more often emphasized (this OR that) than an acronym: spelled only after a determiner."""

_NOT_WORDS = (
    "api cdn cli cpu css csv dns dvd ftp gpl gpu gps hdmi html http https ide lcd llm pc pcb pdf php rgb rpc sdk sms "
    "sql ssd ssh ssl svg tcp tls tv udp ui uri url usb utf uuid ux vga vpn xhtml xml ceo cfo cto faq dna rna hiv ufo "
    "idk omg imo fyi btw"
).split()
LOWER_CASE = frozenset([*_NOT_WORDS, *(name + "s" for name in _NOT_WORDS)])
"""Acronyms that are spelled in lower case too, because nothing else is written like that."""

_DETERMINERS = frozenset("a an another any each every her his its my no our some the their your".split())


def acronym(base: str, suffix: str, *, shouted: bool, previous: str) -> list[Item] | None:
    """The words of an acronym, or None for any other word.

    Args:
        base: The word without possessive `'s`.
        suffix: `'s`, `'S` or "".
        shouted: Capitals mean nothing here, because neighboring words are in capitals too.
        previous: The word before, as written, "" at the start of a phrase.
    """
    name = base.upper() if base in LOWER_CASE else base
    if name != base and base[-1] == "s" and base[:-1] in LOWER_CASE and base not in _NOT_WORDS:
        name = name[:-1] + "s"
    plural = len(name) > 2 and name[-1] == "s"
    ordinary = shouted or suffix == "'S"
    ending = ""
    said = _said(name, ordinary=ordinary, previous=previous)
    if not said and plural:
        said, ending = _said(name[:-1], ordinary=ordinary, previous=previous), "s"
    if not said:
        return None
    words = said.split()
    words[-1] += "'s" if suffix or (ending and words[-1].isupper()) else ending
    return [Spoken(base + suffix, word.lower(), letter=word[0].isupper()) for word in words]


def _said(name: str, *, ordinary: bool, previous: str) -> str:
    if name in NAMES:
        return NAMES[name]
    if name in READ:
        return name.lower()
    if name not in SPELLED or (name in ORDINARY and ordinary):
        return ""
    if name in EMPHASIZED and previous.lower() not in _DETERMINERS:
        return ""
    return " ".join(name)
