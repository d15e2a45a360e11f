"""One call to the service: request, credentials, retries, deadline, event hooks.

A `Session` is what a client shares with its copies; all that is sent to the API goes through it. A
`SessionTransport` (`AsyncSessionTransport` for asyncio) is a session with the `Options` of one
client; it carries out each `Operation`, and makes a client of httpx that sends through it.
`decide` says what follows a failed attempt. Downloads from other hosts use the retry rules, the
hooks and the log from here too.
"""

from typing import TYPE_CHECKING

from chainhub._session.call import CallResult as CallResult
from chainhub._session.call import Options as Options
from chainhub._session.call import error_of as error_of
from chainhub._session.call import policy as policy
from chainhub._session.call import request_id_of as request_id_of
from chainhub._session.call import seconds as seconds
from chainhub._session.call import switch_of as switch_of
from chainhub._session.call import timeouts_of as timeouts_of
from chainhub._session.call import whole as whole
from chainhub._session.credentials import KEY_VARIABLE as KEY_VARIABLE
from chainhub._session.credentials import KEYRING as KEYRING
from chainhub._session.credentials import Credentials as Credentials
from chainhub._session.credentials import Key as Key
from chainhub._session.credentials import Variables as Variables
from chainhub._session.credentials import ask_keyring as ask_keyring
from chainhub._session.credentials import check_key as check_key
from chainhub._session.credentials import find_key as find_key
from chainhub._session.credentials import keyring_installed as keyring_installed
from chainhub._session.credentials import no_key as no_key
from chainhub._session.events import UNDER_WAY as UNDER_WAY
from chainhub._session.events import AttemptEvent as AttemptEvent
from chainhub._session.events import CallEvent as CallEvent
from chainhub._session.events import Observers as Observers
from chainhub._session.events import RetryEvent as RetryEvent
from chainhub._session.events import check_hook as check_hook
from chainhub._session.events import guard_logs as guard_logs
from chainhub._session.events import logger as logger
from chainhub._session.events import traced as traced
from chainhub._session.operation import UNDESCRIBED as UNDESCRIBED
from chainhub._session.operation import Operation as Operation
from chainhub._session.operation import RawResponse as RawResponse
from chainhub._session.operation import operation_of as operation_of
from chainhub._session.operation import raw_response as raw_response
from chainhub._session.request import KeyPlace as KeyPlace
from chainhub._session.request import PreparedRequest as PreparedRequest
from chainhub._session.request import base_url_from as base_url_from
from chainhub._session.request import check_headers as check_headers
from chainhub._session.request import encoded as encoded
from chainhub._session.retry import Retry as Retry
from chainhub._session.retry import RetryBudget as RetryBudget
from chainhub._session.retry import RetryPolicy as RetryPolicy
from chainhub._session.retry import Stop as Stop
from chainhub._session.retry import decide as decide
from chainhub._session.retry import poll_hint_of as poll_hint_of
from chainhub._session.retry import retry_after_of as retry_after_of
from chainhub._session.session import Session as Session
from chainhub._session.session import running_loop as running_loop
from chainhub._session.transport import AsyncSessionTransport as AsyncSessionTransport
from chainhub._session.transport import SessionTransport as SessionTransport
from chainhub._session.transport import is_mocked as is_mocked

if TYPE_CHECKING:
    from chainhub._session.events import OperationSpan as OperationSpan
