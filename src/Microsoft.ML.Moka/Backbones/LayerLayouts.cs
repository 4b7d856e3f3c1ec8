using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Who attends to whom in a pass, for layers with and without a sliding window; layers with the same share one.</summary>
internal sealed class LayerLayouts(AttentionLayout whole) : IDisposable
{
    private readonly Dictionary<int, AttentionLayout> _windowed = [];

    public AttentionLayout For(int? window)
    {
        if (window is not { } size)
            return whole;
        if (!_windowed.TryGetValue(size, out var layout))
            _windowed.Add(size, layout = whole.Within(size));
        return layout;
    }

    public void Dispose()
    {
        whole.Dispose();
        foreach (var layout in _windowed.Values)
            layout.Dispose();
    }
}
