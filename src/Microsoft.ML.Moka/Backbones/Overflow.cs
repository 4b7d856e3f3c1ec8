using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Says where a forward pass first came to a value that is no number: it runs the pass again and looks at all that it computes.</summary>
internal static class Overflow
{
    public static InvalidOperationException Of(string what, LlamaBackbone backbone, IReadOnlyList<int[]> sequences, AdapterSet? adapters,
        IReadOnlyList<AdapterSet>? rowAdapters = null)
    {
        var batch = new RaggedBatch();
        foreach (var ids in sequences)
            batch.Add(ids);
        return Of(what, backbone, batch, adapters, rowAdapters);
    }

    /// <param name="what">How the message begins: "The scores are not finite".</param>
    /// <param name="backbone">The backbone.</param>
    /// <param name="batch">The tokens at which it happened.</param>
    /// <param name="adapters">What it was tuned with; null for the backbone alone.</param>
    /// <param name="rowAdapters">The adapters of each row, where they are not the same.</param>
    public static InvalidOperationException Of(
        string what, LlamaBackbone backbone, RaggedBatch batch, AdapterSet? adapters, IReadOnlyList<AdapterSet>? rowAdapters = null)
    {
        var (first, before, largest) = (default(string), default(string), 0f);
        using (var tape = new Tape(backbone.Backend, recording: false))
            backbone.Forward(tape, batch, adapters, new ForwardOptions { Watch = Look, RowAdapters = rowAdapters }).Dispose();
        var reach = before is null ? "" : string.Create(CultureInfo.InvariantCulture, $", while {before} goes up to {largest:0.###E+0}");
        return new InvalidOperationException(
            $"{what}: {first ?? "the output of the head"} is the first that overflows{reach}. " +
            $"The model's weights, or the adapter's, are too large there.");

        void Look(string name, Tensor tensor)
        {
            if (first is not null)
                return;
            var values = new float[tensor.Length];
            backbone.Backend.Download(tensor, values);
            var most = 0f;
            foreach (var value in values)
                most = float.IsFinite(value) ? Math.Max(most, Math.Abs(value)) : float.PositiveInfinity;
            if (float.IsFinite(most))
                (before, largest) = (name, most);
            else
                first = name;
        }
    }
}
