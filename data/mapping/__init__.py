"""Partners' own tables onto our contracts: a mapping file says which of their columns are which of ours.

What a mapping says is in `model`, the contract it makes of a feed in `mapped`, one cell's way in `cells`, a
file's in `apply`; `propose` drafts a mapping from a sample. Codes and moments are put into our words here
because the contract judges rows in them; what they mean stays with dbt staging.
"""

from data.mapping.held import Mappings
from data.mapping.mapped import MappedContract, mapped_contract
from data.mapping.model import PartnerMapping, read_mapping

__all__ = ["MappedContract", "Mappings", "PartnerMapping", "mapped_contract", "read_mapping"]
