using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The one hidden state for each sequence that a <see cref="ScoreHead"/> or an embedding reads: normed, and in float32 whatever the backbone computes in.
/// </summary>
internal static class PooledStates
{
    /// <summary>The states of sequences that go through the backbone together, [sequences, hidden size]; none depends on the others.</summary>
    public static Variable Pool(
        this LlamaBackbone backbone, Tape tape, IReadOnlyList<int[]> sequences, AdapterSet? adapters, MokaHead pooling, ForwardOptions options)
    {
        var batch = new RaggedBatch();
        RowRange[] ranges = [.. sequences.Select(ids => batch.Add(ids).Rows)];
        int[]? last = null;
        if (pooling == MokaHead.LastToken)
        {
            // The last layer computes no other rows.
            last = Array.ConvertAll(ranges, range => range.Start + range.Length - 1);
            ranges = [.. last.Select((_, i) => new RowRange(i, 1))];
        }
        var hidden = backbone.Forward(tape, batch, adapters, options, last);
        var pooled = tape.MeanRows(hidden, ranges);
        hidden.Dispose();
        return pooled;
    }
}
