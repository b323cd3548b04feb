"""What the registry side refuses."""

from governance.common.errors import DomainError, Forbidden, InvalidInput, OutsideSystemDown, Unknown


class MlflowDown(OutsideSystemDown):
    """MLflow does not answer; nothing was changed."""

    title = "MLflow does not answer"


class ArtifactUnavailable(Exception):
    """A version's files can't be fetched, or not within the limits; shown with the version."""


class WebhookRefused(Exception):
    """What claims to be a webhook of MLflow's is none, or of another time; answered as 401."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnknownModel(Unknown):
    """MLflow has no such registered model, as far as Placet has seen."""

    title = "Unknown registered model"


class UnknownVersion(Unknown):
    """MLflow has no such version, as far as Placet has seen."""

    title = "Unknown model version"


class UnprotectedAlias(InvalidInput):
    """The alias is not one that Placet governs."""

    title = "The alias is not governed"


class ModelUnassigned(DomainError):
    """The model belongs to no AI system, so no policy can be chosen for it."""

    title = "The model belongs to no AI system"


class SystemUnclassified(DomainError):
    """The AI system has no signed classification."""

    title = "The AI system is not classified"


class SystemProhibited(DomainError):
    """A prohibited practice has no path into production."""

    title = "The AI system is prohibited"


class VersionUnusable(InvalidInput):
    """The version lacks something that evidence needs, such as its label."""

    title = "The version can't be reviewed as it is"


class AlreadyRecorded(DomainError):
    """A version with this very description is recorded already."""

    title = "The version is recorded already"


class DataGiven(DomainError):
    """The recorded version has evaluation data already."""

    title = "The version has evaluation data already"


class BaseStated(DomainError):
    """It is stated already that the version builds on it, or that was withdrawn already."""

    title = "The base is stated already"


class BuildsOnItself(InvalidInput):
    """The base builds on the version itself, at once or by way of others."""

    title = "A version can't build on itself"


class NotEnforced(DomainError):
    """Placet moves nothing of a model that no MLflow holds; somebody states what happened instead."""

    title = "Placet can't do that outside MLflow"


class RequestOpen(DomainError):
    """The version already has an open request for the alias."""

    title = "There is an open request"


class AlreadyLive(DomainError):
    """The alias points to this version already."""

    title = "The version already has the alias"


class NotApproved(DomainError):
    """The promotion has no approval in force and no permit."""

    title = "The promotion is not approved"


class NotYourPromotion(Forbidden):
    """Only an engineer applies a promotion."""

    title = "You can't apply this promotion"


class NotYourProduction(Forbidden):
    """Only certain people go back, stop or break the glass."""

    title = "You can't change production"


class NotLive(DomainError):
    """Nothing that Placet put there is behind the alias."""

    title = "Nothing is live there"


class CannotGoBack(DomainError):
    """There is no earlier version whose approval is in force."""

    title = "There is nothing to go back to"


class ConfigurationOpen(DomainError):
    """A gate configuration waits for its second person already."""

    title = "A gate configuration is proposed already"


class ConfigurationSettled(DomainError):
    """The gate configuration was signed or withdrawn."""

    title = "The gate configuration is settled"


class NotYourConfiguration(Forbidden):
    """Two people with the right roles configure the gate, one after the other."""

    title = "You can't configure the gate so"


class NotYourAdoption(Forbidden):
    """Two people with the right roles take an MLflow over, one after the other."""

    title = "You can't take it over so"


class AdoptionOpen(DomainError):
    """An adoption waits for its second person already."""

    title = "An adoption is proposed already"


class AdoptionSettled(DomainError):
    """The adoption was signed or withdrawn."""

    title = "The adoption is settled"


class NothingToAdopt(DomainError):
    """MLflow has nothing in production that could be taken over so."""

    title = "There is nothing to adopt"


class DatasetGone(DomainError):
    """The bytes were deleted before."""

    title = "The data is deleted already"
