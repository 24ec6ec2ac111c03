"""The API's kinds that we touch and their paths. Names only: nothing is asked or decided here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of the API: where its objects are, and what people call it."""

    group: str  # empty: the core group
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As RBAC and messages name it: `credentials.keyward.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL's path of the collection, an object or its subresource; an empty namespace means cluster-wide."""
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace:
            path = f"{path}/namespaces/{namespace}"
        path = f"{path}/{self.plural}"
        if name:
            path = f"{path}/{name}"
        return f"{path}/{subresource}" if subresource else path


GROUP = "keyward.dev"
CREDENTIALS = Kind(GROUP, "v1alpha1", "credentials", "Credential")
VERSIONS = Kind(GROUP, "v1alpha1", "credentialversions", "CredentialVersion")
CREDENTIAL_SETS = Kind(GROUP, "v1alpha1", "credentialsets", "CredentialSet")
TARGETS = Kind(GROUP, "v1alpha1", "targets", "Target")
CLUSTER_TARGETS = Kind(GROUP, "v1alpha1", "clustertargets", "ClusterTarget")
ENCRYPTION_KEYS = Kind(GROUP, "v1alpha1", "encryptionkeys", "EncryptionKey")
SECRETS = Kind("", "v1", "secrets", "Secret")
EVENTS = Kind("", "v1", "events", "Event")
NAMESPACES = Kind("", "v1", "namespaces", "Namespace")
CUSTOM_RESOURCES = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
