"""torchvision's own googlenet, whose auxiliary heads answer in evaluation too."""

from torchvision.models import GoogLeNet as Source


class GoogLeNet(Source):
    def __init__(self, num_classes, aux=True):
        super().__init__(num_classes, aux_logits=aux, init_weights=False, dropout=0.0, dropout_aux=0.0)
        self.kept = {}
        for name in ["inception4a", "inception4d"]:
            getattr(self, name).register_forward_hook(
                lambda module, inputs, output, name=name: self.kept.update({name: output})
            )

    def forward(self, x):
        """[main] or [main, aux1, aux2]."""
        out = super().forward(x)
        if not self.aux_logits:
            return [out]
        if self.training:
            return [out.logits, out.aux_logits1, out.aux_logits2]
        return [out, self.aux1(self.kept["inception4a"]), self.aux2(self.kept["inception4d"])]
