"""What a response means: the value the contract declares, or which error; pure, without httpx.

`judge` reads the response of an attempt: the error that its status and body stand for, or None.
`decode_json` decodes a good body, and `TypeValidator.validate` refuses what the contract does not
describe before generated code parses it; `explain_mismatch` makes the error of a `Mismatch`.
Nothing here sends, waits or looks at a clock.
"""

from chainhub._responses.response import charset_of as charset_of
from chainhub._responses.status_error import decode_json as decode_json
from chainhub._responses.status_error import explain_mismatch as explain_mismatch
from chainhub._responses.status_error import is_hidden_error as is_hidden_error
from chainhub._responses.status_error import judge as judge
from chainhub._responses.validation import Mismatch as Mismatch
from chainhub._responses.validation import TypeValidator as TypeValidator
from chainhub._responses.validation import additional_type_of as additional_type_of
from chainhub._responses.validation import fields_of as fields_of
from chainhub._responses.validation import members as members
from chainhub._responses.validation import resolve as resolve
