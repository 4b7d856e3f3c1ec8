using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Torch;

/// <summary>What weights of a layer were expanded to where it is computed again, for the way back right after: each panel is taken once.</summary>
internal sealed class KeptWeights(Action end) : IDisposable
{
    private readonly Dictionary<(WeightMatrix Weight, int Row), (KroneckerSum? Delta, NativeTensor Panel)> _panels = [];

    /// <summary>Keeps a panel, which from here on belongs to no scope.</summary>
    public void Add(WeightMatrix weight, KroneckerSum? delta, int row, NativeTensor panel)
    {
        if (_panels.TryAdd((weight, row), (delta, panel)))
            panel.DetachFromDisposeScope();
    }

    /// <summary>The panel, which the caller disposes; null where there is none of this weight with these filters.</summary>
    public NativeTensor? Take(WeightMatrix weight, KroneckerSum? delta, int row) =>
        _panels.TryGetValue((weight, row), out var kept) && AreSame(kept.Delta, delta) && _panels.Remove((weight, row)) ? kept.Panel : null;

    public void Dispose()
    {
        foreach (var (_, panel) in _panels.Values)
            panel.Dispose();
        _panels.Clear();
        end();
    }

    private static bool AreSame(KroneckerSum? one, KroneckerSum? other) => one is null || other is null
        ? one is null && other is null
        : ReferenceEquals(one.Coefficients, other.Coefficients) && one.Groups.SequenceEqual(other.Groups);
}
