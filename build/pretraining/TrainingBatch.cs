using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using EverydayWorld;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>Passages as the backbone reads them: the tokens, and which rows predict a token that is learned, with what weight.</summary>
internal sealed class TrainingBatch
{
    private readonly List<int> _rows = [];
    private readonly List<int> _targets = [];
    private readonly List<float> _weights = [];

    public RaggedBatch Tokens { get; } = new();

    /// <summary>The rows that predict.</summary>
    public ReadOnlySpan<int> Rows => CollectionsMarshal.AsSpan(_rows);

    /// <summary>The token that each of them should predict.</summary>
    public ReadOnlySpan<int> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>The weight of its loss; all weights together make 1.</summary>
    public ReadOnlySpan<float> Weights => CollectionsMarshal.AsSpan(_weights);

    /// <summary>Adds passages of one kind, whose weights together make <paramref name="share"/>.</summary>
    /// <returns>The rows of <see cref="Rows"/> that were added.</returns>
    public Range Add(BackboneTokenizer tokenizer, IEnumerable<Passage> passages, float share)
    {
        var first = _rows.Count;
        foreach (var passage in passages)
        {
            var start = Tokens.TokenCount;
            var ids = new List<int> { tokenizer.BeginOfSequence!.Value };
            foreach (var piece in passage.Pieces)
                foreach (var id in tokenizer.Encode(piece.Text, addBeginOfSequence: false))
                {
                    if (piece.Weight > 0)
                    {
                        _rows.Add(start + ids.Count - 1);
                        _targets.Add(id);
                        _weights.Add(piece.Weight);
                    }

                    ids.Add(id);
                }

            Tokens.Add(CollectionsMarshal.AsSpan(ids));
        }

        var added = CollectionsMarshal.AsSpan(_weights)[first..];
        var scale = share / TensorPrimitives.Sum(added);
        TensorPrimitives.Multiply(added, scale, added);
        return first.._rows.Count;
    }
}
