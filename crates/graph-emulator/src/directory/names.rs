//! Names, titles, departments and places that generated people are made of.
//! Plain lists; who gets what is decided in `people`.

/// A given name as written, and its form in addresses.
#[rustfmt::skip]
pub(super) const GIVEN: [(&str, &str); 96] = [
    ("Adele", "adele"), ("Alex", "alex"), ("Amara", "amara"), ("Amy", "amy"), ("Ana", "ana"),
    ("Anders", "anders"), ("Anita", "anita"), ("Ayşe", "ayse"), ("Ben", "ben"), ("Bianca", "bianca"),
    ("Björn", "bjorn"), ("Carla", "carla"), ("Carlos", "carlos"), ("Chloé", "chloe"), ("Clara", "clara"),
    ("Daniel", "daniel"), ("David", "david"), ("Deepa", "deepa"), ("Diego", "diego"), ("Dora", "dora"),
    ("Elena", "elena"), ("Elias", "elias"), ("Emma", "emma"), ("Erik", "erik"), ("Esther", "esther"),
    ("Fatima", "fatima"), ("Felix", "felix"), ("Fiona", "fiona"), ("Frank", "frank"), ("Gabriela", "gabriela"),
    ("George", "george"), ("Grace", "grace"), ("Hana", "hana"), ("Hannah", "hannah"), ("Henrik", "henrik"),
    ("Hugo", "hugo"), ("Ibrahim", "ibrahim"), ("Ines", "ines"), ("Irene", "irene"), ("Isaac", "isaac"),
    ("Ivana", "ivana"), ("Jack", "jack"), ("Jakub", "jakub"), ("James", "james"), ("Jana", "jana"),
    ("Javier", "javier"), ("Jenny", "jenny"), ("João", "joao"), ("Johanna", "johanna"), ("Jonas", "jonas"),
    ("José", "jose"), ("Julia", "julia"), ("Karim", "karim"), ("Karin", "karin"), ("Kenji", "kenji"),
    ("Lara", "lara"), ("Laura", "laura"), ("Leila", "leila"), ("Leon", "leon"), ("Liam", "liam"),
    ("Lukas", "lukas"), ("Magnus", "magnus"), ("Maria", "maria"), ("Marta", "marta"), ("Mateo", "mateo"),
    ("Mei", "mei"), ("Mia", "mia"), ("Miguel", "miguel"), ("Mohammed", "mohammed"), ("Nadia", "nadia"),
    ("Nina", "nina"), ("Noah", "noah"), ("Olga", "olga"), ("Oliver", "oliver"), ("Omar", "omar"),
    ("Oskar", "oskar"), ("Paula", "paula"), ("Pedro", "pedro"), ("Peter", "peter"), ("Priya", "priya"),
    ("Rachel", "rachel"), ("Rafael", "rafael"), ("Rosa", "rosa"), ("Ruth", "ruth"), ("Samuel", "samuel"),
    ("Sara", "sara"), ("Sofia", "sofia"), ("Stefan", "stefan"), ("Tanja", "tanja"), ("Thomas", "thomas"),
    ("Tomas", "tomas"), ("Vera", "vera"), ("Victor", "victor"), ("Yuki", "yuki"), ("Zofia", "zofia"),
    ("Zoë", "zoe"),
];

/// A surname as written, and its form in addresses.
#[rustfmt::skip]
pub(super) const SURNAMES: [(&str, &str); 96] = [
    ("Adams", "adams"), ("Almeida", "almeida"), ("Andersen", "andersen"), ("Bakker", "bakker"), ("Barnes", "barnes"),
    ("Becker", "becker"), ("Berg", "berg"), ("Bianchi", "bianchi"), ("Brown", "brown"), ("Castro", "castro"),
    ("Chen", "chen"), ("Clark", "clark"), ("Cohen", "cohen"), ("Costa", "costa"), ("Davies", "davies"),
    ("Diaz", "diaz"), ("Dubois", "dubois"), ("Evans", "evans"), ("Farah", "farah"), ("Fernandes", "fernandes"),
    ("Fischer", "fischer"), ("Fox", "fox"), ("García", "garcia"), ("Green", "green"), ("Gruber", "gruber"),
    ("Hall", "hall"), ("Hansen", "hansen"), ("Hassan", "hassan"), ("Hoffmann", "hoffmann"), ("Horvath", "horvath"),
    ("Hughes", "hughes"), ("Ivanova", "ivanova"), ("Jansen", "jansen"), ("Jensen", "jensen"), ("Johnson", "johnson"),
    ("Jones", "jones"), ("Kaya", "kaya"), ("Keller", "keller"), ("Khan", "khan"), ("Kim", "kim"),
    ("King", "king"), ("Kowalski", "kowalski"), ("Kumar", "kumar"), ("Larsson", "larsson"), ("Lee", "lee"),
    ("Lewis", "lewis"), ("Li", "li"), ("Lindqvist", "lindqvist"), ("López", "lopez"), ("Maier", "maier"),
    ("Martin", "martin"), ("Mbeki", "mbeki"), ("Meyer", "meyer"), ("Miller", "miller"), ("Moreau", "moreau"),
    ("Moretti", "moretti"), ("Müller", "mueller"), ("Murphy", "murphy"), ("Nakamura", "nakamura"), ("Nguyen", "nguyen"),
    ("Nielsen", "nielsen"), ("Novák", "novak"), ("O'Brien", "obrien"), ("Okafor", "okafor"), ("Olsen", "olsen"),
    ("Papadopoulos", "papadopoulos"), ("Park", "park"), ("Patel", "patel"), ("Pereira", "pereira"), ("Petrov", "petrov"),
    ("Popescu", "popescu"), ("Ramos", "ramos"), ("Reid", "reid"), ("Ricci", "ricci"), ("Rossi", "rossi"),
    ("Ruiz", "ruiz"), ("Sanchez", "sanchez"), ("Santos", "santos"), ("Sato", "sato"), ("Schmidt", "schmidt"),
    ("Scott", "scott"), ("Silva", "silva"), ("Singh", "singh"), ("Smith", "smith"), ("Svensson", "svensson"),
    ("Tanaka", "tanaka"), ("Taylor", "taylor"), ("Torres", "torres"), ("Turner", "turner"), ("Vance", "vance"),
    ("Walker", "walker"), ("Weber", "weber"), ("White", "white"), ("Wilson", "wilson"), ("Wright", "wright"),
    ("Yılmaz", "yilmaz"),
];

#[rustfmt::skip]
pub(super) const DEPARTMENTS: [&str; 14] = [
    "Accounting", "Customer Care", "Engineering", "Facilities", "Field Service", "Finance", "Human Resources",
    "Information Technology", "Legal", "Logistics", "Marketing", "Operations", "Procurement", "Sales",
];

#[rustfmt::skip]
pub(super) const TITLES: [&str; 20] = [
    "Accountant", "Administrator", "Analyst", "Assistant", "Buyer", "Consultant", "Controller", "Coordinator",
    "Designer", "Director", "Engineer", "Executive", "Manager", "Planner", "Recruiter", "Representative",
    "Scientist", "Specialist", "Technician", "Trainer",
];

/// A town with what goes with it.
pub(super) struct Place {
    pub city: &'static str,
    pub state: &'static str,
    pub country: &'static str,
    pub code: &'static str,
    pub language: &'static str,
    /// Country calling code and area, before the subscriber's number.
    pub phone: &'static str,
    pub postal: u32,
    pub street: &'static str,
}

const fn place(
    [city, state, country, code, language, phone, street]: [&'static str; 7],
    postal: u32,
) -> Place {
    Place {
        city,
        state,
        country,
        code,
        language,
        phone,
        postal,
        street,
    }
}

#[rustfmt::skip]
pub(super) const PLACES: [Place; 10] = [
    place(["Seattle", "WA", "United States", "US", "en-US", "+1 206 555 ", "Pike Street"], 98_101),
    place(["Austin", "TX", "United States", "US", "en-US", "+1 512 555 ", "Congress Avenue"], 78_701),
    place(["Boston", "MA", "United States", "US", "en-US", "+1 617 555 ", "Beacon Street"], 20_108),
    place(["Toronto", "ON", "Canada", "CA", "en-CA", "+1 416 555 ", "Queen Street West"], 50_100),
    place(["Bristol", "England", "United Kingdom", "GB", "en-GB", "+44 117 496 ", "Park Row"], 10_200),
    place(["Köln", "NW", "Germany", "DE", "de-DE", "+49 221 555 ", "Breite Straße"], 50_667),
    place(["Lyon", "ARA", "France", "FR", "fr-FR", "+33 4 72 55 ", "Rue de la République"], 69_002),
    place(["Utrecht", "UT", "Netherlands", "NL", "nl-NL", "+31 30 555 ", "Oudegracht"], 35_110),
    place(["Porto", "Porto", "Portugal", "PT", "pt-PT", "+351 22 555 ", "Rua das Flores"], 40_505),
    place(["Göteborg", "O", "Sweden", "SE", "sv-SE", "+46 31 555 ", "Kungsgatan"], 41_119),
];
