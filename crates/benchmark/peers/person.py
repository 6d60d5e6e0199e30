"""What the peers that may choose read of a person: the properties that Rollcall keeps."""

PROPERTIES = [
    "id", "userPrincipalName", "mail", "otherMails", "proxyAddresses", "givenName", "surname", "displayName",
    "jobTitle", "department", "companyName", "officeLocation", "businessPhones", "mobilePhone", "accountEnabled",
    "userType", "creationType", "externalUserState", "identities", "onPremisesSyncEnabled", "onPremisesImmutableId",
    "onPremisesSamAccountName", "employeeId", "employeeType", "usageLocation", "preferredLanguage",
    "assignedLicenses", "createdDateTime",
]

# The largest page that Graph gives.
PAGE = 999
