using System.Numerics;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The cosines and sines of the rotary embedding, [positions, HeadWidth / 2], made for as many positions as sequences reach: the tables of LLaMA-3.1's
/// 131072 positions would take 64 MiB that hardly anyone uses.
/// </summary>
internal sealed class RotaryTable(Backend backend, LlamaConfig config) : IDisposable
{
    private const int FewestPositions = 256;

    private readonly Lock _lock = new();
    private readonly List<Table> _tables = [];

    /// <summary>Tables that cover positions [0, <paramref name="positions"/>); they live as long as the backbone, so passes may run beside each other.</summary>
    public Table Get(int positions)
    {
        if (positions > config.MaxPositions)
            throw new ArgumentException(
                $"A sequence of {positions} tokens is longer than the {config.MaxPositions} positions of the backbone (max_position_embeddings): shorten it.",
                nameof(positions));
        lock (_lock)
        {
            if (_tables.Count == 0 || _tables[^1].Cosines.Rows < positions)
                _tables.Add(Make(Math.Min(config.MaxPositions, Math.Max(FewestPositions, (int)BitOperations.RoundUpToPowerOf2((uint)positions)))));
            return _tables[^1];
        }
    }

    public void Dispose()
    {
        foreach (var table in _tables)
        {
            table.Cosines.Dispose();
            table.Sines.Dispose();
        }
        _tables.Clear();
    }

    private Table Make(int positions)
    {
        var half = config.HeadWidth / 2;
        var cosines = new float[positions * half];
        var sines = new float[positions * half];
        for (var i = 0; i < half; i++)
        {
            var frequency = config.RotaryScaling.Scale(Math.Pow(config.RotaryBase, -2.0 * i / config.HeadWidth));
            for (var position = 0; position < positions; position++)
            {
                var (sine, cosine) = Math.SinCos(position * frequency);
                cosines[position * half + i] = (float)cosine;
                sines[position * half + i] = (float)sine;
            }
        }
        return new Table(backend.Upload(TensorKind.Parameter, cosines, positions, half), backend.Upload(TensorKind.Parameter, sines, positions, half));
    }

    internal sealed record Table(Tensor Cosines, Tensor Sines);
}
