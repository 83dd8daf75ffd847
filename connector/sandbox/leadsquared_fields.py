"""The fields of the sandbox's LeadSquared account, and how its metadata shows them."""

from dataclasses import dataclass

from connector.sandbox.documents import Doc

UNIQUE = ("EmailAddress", "Phone")
RENDERED = {
    **{each: each for each in ("Email", "Phone", "Date", "Time")},
    "Website": "URL",
    "Select": "Dropdown",
    "Boolean": "CheckBox",
}
"""Kind of a field -> how it is rendered (page "Create a Custom Lead Field")."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the account's layout, and the book's field its first values come from."""

    name: str
    label: str
    kind: str = "Text"
    longest: str = "200"
    """As the metadata has it: a text, blank for no limit."""
    locked: int = 0
    source: str | None = None
    rendered: str | None = None
    """How the field is rendered, where its kind alone doesn't say: a ``Date`` may be a ``DateTime``."""

    def shown(self) -> Doc:
        return {
            "Entity": "1",
            "SchemaName": self.name,
            "DisplayName": self.label,
            "DataType": self.kind,
            "RenderTypeTextValue": self.rendered or RENDERED.get(self.kind, "Textbox"),
            "IsMandatory": False,
            "MaxLength": self.longest,
            "IsLeadIdentifier": self.name in UNIQUE,
            "LockAfterCreate": self.locked,
        }


FIELDS = (
    Field("FirstName", "First Name", source="first_name"),
    Field("LastName", "Last Name", source="last_name"),
    Field("EmailAddress", "Email", "Email", source="email"),
    Field("Phone", "Phone Number", "Phone", "10", source="phone_number"),
    Field("Mobile", "Mobile Number", "Phone", "10", source="alt_phone_1"),
    Field("Company", "Company", source="std_company_name"),
    Field("ProspectStage", "Lead Stage", "Select", "50", source="status"),
    Field("Source", "Lead Source", "Select", "50", source="source_id"),
    Field("Origin", "Origin", locked=1),
    Field("Score", "Lead Score", "Number", "50"),
    Field("mx_Street1", "Address 1", source="address1"),
    Field("mx_City", "City", source="city"),
    Field("mx_State", "State", source="state"),
    Field("mx_Zip", "Zip", longest="20", source="postal_code"),
    Field("mx_Country", "Country", source="country"),
    Field("mx_Plan_Interest", "Plan Interest", longest="50", source="plan_interest"),
    Field("mx_Lead_Score", "Lead Score", longest="50"),
    Field("mx_Lead_Tier", "Lead Tier", longest="50"),
    Field("mx_Notes", "Notes", longest="", source="notes"),
)
"""What every account of the sandbox has; the option ``custom_fields`` adds ``mx_`` fields."""
