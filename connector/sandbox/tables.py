"""Words the sandbox makes leads of. Nobody in here exists: phone numbers are of the fictional 555-01xx range and e-mail
addresses of the domains that are reserved for examples."""

PEOPLE: tuple[tuple[str, str, str], ...] = (
    # given name, family name, how they write it in an e-mail address
    ("John", "Doe", "john.doe"),
    ("Mary", "Smith", "mary.smith"),
    ("James", "O'Connor", "joconnor"),
    ("Siobhán", "Ní Bhriain", "siobhan"),
    ("Patricia", "Johnson", "pjohnson"),
    ("Robert", "Williams", "bob.williams"),
    ("Linda", "Brown", "linda_b"),
    ("Tyrone", "Washington", "t.washington"),
    ("Kaitlyn", "McAllister-Reyes", "kmcallister"),
    ("Jean-Luc", "Lefèvre", "jl.lefevre"),
    ("Zoë", "Müller", "zoe.mueller"),
    ("François", "D’Amboise", "fdamboise"),
    ("José María", "Núñez Peña", "jm.nunez"),
    ("Ñusta", "Quispe", "nusta.quispe"),
    ("Björk", "Guðmundsdóttir", "bjork.g"),
    ("Søren", "Ångström", "soren.angstrom"),
    ("Łukasz", "Wójcik", "lukasz.wojcik"),
    ("Şeyma", "Çağlayan", "seyma.caglayan"),
    ("Nguyễn", "Thị Ánh", "anh.nguyen"),
    ("Мария", "Иванова", "m.ivanova"),
    ("Дмитрий", "Щербаков", "dmitry.sch"),
    ("Олена", "Ґонта", "olena.honta"),
    ("فاطمة", "الزهراء", "fatima.z"),
    ("محمد", "عبد الرحمن", "m.abdelrahman"),
    ("آرش", "کاظمی", "arash.kazemi"),
    ("שרה", "כהן", "sarah.cohen"),
    ("Ελένη", "Παπαδοπούλου", "eleni.p"),
    ("王", "小明", "xiaoming.wang"),
    ("李", "娜", "li.na"),
    ("佐藤", "花子", "hanako.sato"),
    ("タナカ", "ケン", "ken.tanaka"),
    ("김", "민준", "minjun.kim"),
    ("प्रिया", "शर्मा", "priya.sharma"),
    ("अर्जुन", "सिंह", "arjun.singh"),
    ("ปิยะ", "สุขใจ", "piya.s"),
    ("அருண்", "குமார்", "arun.kumar"),
    ("გიორგი", "ბერიძე", "giorgi.b"),
    ("Խաչատուր", "Աբովյան", "khachatur.a"),
)

PLACES: tuple[tuple[str, str, str, str, str], ...] = (
    # city, state, province, postal code, country
    ("Anytown", "CA", "", "90210", "US"),
    ("Los Angeles", "CA", "", "90012", "US"),
    ("San José", "CA", "", "95113", "US"),
    ("Phoenix", "AZ", "", "85004", "US"),
    ("Austin", "TX", "", "78701", "US"),
    ("Coeur d'Alene", "ID", "", "83814", "US"),
    ("Boston", "MA", "", "02108", "US"),
    ("Miami", "FL", "", "33101", "US"),
    ("Chicago", "IL", "", "60601", "US"),
    ("Hoboken", "NJ", "", "07030", "US"),
    ("Montréal", "", "QC", "H2Y 1C6", "CA"),
    ("Vancouver", "", "BC", "V6B 1A1", "CA"),
)

STREETS = (
    "123 Main St",
    "7 Elm Street",
    "4501 O'Farrell Ave",
    "88 Peñasquitos Dr",
    "1 Rue Saint-Honoré",
    "960 W 7th St",
    "15-B Harbor Blvd",
    "2200 Mission Rd",
    "",
)
UNITS = ("Apt 4", "Suite 900", "#12", "Unit B", "", "", "")

NOTES = (
    "",
    "Asked to be called after 5pm.",
    "Voicemail full; try the second number.",
    'Said: "not before the 15th", then hung up.',
    "Línea ocupada, llamar mañana.",
    "Very keen 🙂 wants the premium plan 🚀",
    "見積もりを送る約束をした。",
    "Перезвонить в понедельник",
    "يرجى الاتصال مساءً",
    "कल फिर से कॉल करें",
    "Line one\nLine two\twith a tab; a\\backslash, a comma, and 100% of it kept.",
    "Spoke to spouse, who decides about everything; sent the brochure; will compare with two other offers. "
    * 6,
    "Long call. " + "They went through every clause of the contract and had a question about each. " * 24,
)

COMPANIES = (
    "Acme Roofing",
    "Café Ñandú S.A.",
    "O'Brien & Sons",
    "北京贸易",
    "ООО «Ромашка»",
    "Globex Solar",
    "Initech",
)
CARRIERS = (
    ("Verizon", "wireless"),
    ("AT&T", "wireless"),
    ("T-Mobile", "wireless"),
    ("Comcast", "landline"),
    ("Bandwidth", "voip"),
)
PLANS = ("basic", "plus", "premium", "family", "")
STATUSES = ("NEW", "ACTIVE", "CALLBACK", "NOANSWER", "BUSY", "NOTINT", "SALE", "COMPLETED", "DNC")
STATUS_NAMES = {
    "NEW": "New Lead",
    "ACTIVE": "Active",
    "CALLBACK": "Call Back",
    "NOANSWER": "No Answer",
    "BUSY": "Busy",
    "NOTINT": "Not Interested",
    "SALE": "Sale Made",
    "COMPLETED": "Completed",
    "DNC": "Do Not Call",
}
STATUS_WEIGHTS = (30, 22, 12, 12, 5, 8, 5, 4, 2)
GENDERS = ("M", "F", "Other", "")
LISTS = ("333", "17257", "401", "402", "505")
USERS = ("22222", "30001", "30002", "30003", "30004")
"""Agents of the account; ``api`` is the name edits through the API go by."""
API_USER = "api"
SOURCES = ("1", "2", "7", "12")
DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "EXAMPLE.COM")
