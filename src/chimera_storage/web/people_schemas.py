"""What goes in and out of /users and /tokens, for /openapi.json."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RoleField = Literal["viewer", "operator", "admin"]
NAME = Field(examples=["kid"], description="1 to 64 small letters, digits and . _ @ + -")
CAMERAS = Field(
    None, description='those that may be seen, as [1, 2] or "1,2"; "all", null or absent: all'
)
CAMERAS_NOW = Field(description="those that may be seen; null: all")


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


class NewUser(BaseModel):
    """Somebody who may log in from now on."""

    name: str = NAME
    password: str = Field(examples=["correct horse battery"], min_length=8, max_length=1024)
    role: RoleField = "viewer"
    cameras: list[int] | str | None = CAMERAS
    disabled: bool = Field(False, description="whether the user may not log in for now")


class ChangedUser(BaseModel):
    """Which user, and what is to be otherwise; what is absent stays."""

    name: str = NAME
    role: RoleField | None = None
    cameras: list[int] | str | None = Field(
        None, description='as [1, 2] or "1,2"; "all": all of them'
    )
    password: str | None = Field(None, description="ends all sessions of the user")
    disabled: bool | None = Field(
        None, description="whether the user may not log in for now; ends sessions and links"
    )


class NamedUser(BaseModel):
    """Which user."""

    name: str = NAME


class UserInfo(_Model):
    """A user; times are milliseconds since 1970."""

    name: str
    role: RoleField
    cameras: list[int] | None = CAMERAS_NOW
    disabled: bool
    created: int
    sessions: int = Field(description="that are open")
    current: bool = Field(description="it is who asks")


class Users(_Model):
    """By name."""

    list: list[UserInfo]


class Removed(_Model):
    """Who is gone."""

    removed: bool
    name: str


class NewToken(BaseModel):
    """What a program may do from now on."""

    name: str = Field(examples=["home-assistant"])
    role: RoleField = "viewer"
    cameras: list[int] | str | None = CAMERAS
    days: int | None = Field(None, ge=1, le=3650, description="how long it works; absent: for good")


class TokenInfo(_Model):
    """An API token; times are milliseconds since 1970."""

    id: str
    name: str
    role: RoleField
    cameras: list[int] | None = CAMERAS_NOW
    created: int
    expires: int | None


class MadeToken(TokenInfo):
    """A new token."""

    token: str = Field(description="what programs send; it is not stored, so this is the only time")


class Tokens(_Model):
    """By name, expired ones too."""

    list: list[TokenInfo]


class RevokedToken(BaseModel):
    """Which token."""

    id: str = Field(description="of GET /tokens")
