using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal static class KroneckerSums
{
    /// <summary>Sums of every kind: mixtures of shapes, stacked filters, identities, LoRA's outer products, a whole matrix as one factor, odd sizes.</summary>
    public static IEnumerable<KroneckerSum> All(Scenario s) =>
    [
        s.Kronecker(96, 64, (8, 8, 1)),
        s.Kronecker(96, 64, (8, 8, 2), (4, 16, 1), (16, 4, 1), (32, 2, 1), (2, 32, 1)),
        s.Kronecker(64, 64, (-8, 8, 3), (-16, 16, 1), (8, 8, 1)),
        s.Kronecker(48, 96, (48, 1, 4)),
        s.Kronecker(48, 96, (2, 48, 3)),
        s.Kronecker(30, 21, (1, 1, 1), (30, 21, 1)),
        s.Kronecker(30, 21, (-1, 1, 2)),
        s.Kronecker(40, 40, (-1, 1, 1), (1, 1, 2), (-40, 40, 1), (8, 4, 1), (40, 1, 3)),
        s.Kronecker(130, 70, (-1, 1, 1)),
        s.Kronecker(35, 39, (5, 3, 2), (7, 13, 1)),
        s.Kronecker(1, 6, (1, 2, 2)),
        s.Kronecker(33, 66, (-33, 33, 1), (-3, 3, 2)),
    ];
}
