"""Load what `clearbg.export.hugging_face` wrote, or the same on the hub, by the hub's own mixin.

Needs the extra `hugging-face`.
"""

from typing import Any

from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from clearbg import models


class TrainedNetwork(nn.Module, PyTorchModelHubMixin):
    """A network of `clearbg.models` with what config.json says of it.

    Args:
        model: a key of `clearbg.models.MODELS`.
        settings: what `clearbg.models.build` takes beside it.
        preprocessing: the rest of the preprocessing contract.
    """

    def __init__(self, model: str, settings: dict[str, Any], **preprocessing: Any):
        super().__init__()
        self.network = models.build(model, **settings)
        self.preprocessing = preprocessing

    def forward(self, images: Tensor) -> Tensor:
        """`images (N,C,H,W)`, normalized -> `alpha (N,1,H,W)` in [0, 1]."""
        return self.network(images)[0].sigmoid()

    def state_dict(self, *args, **kwargs) -> dict[str, Tensor]:
        """Named as in the weights of a training, so that either can be loaded into the other."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict, *args, **kwargs):
        return self.network.load_state_dict(state_dict, *args, **kwargs)
