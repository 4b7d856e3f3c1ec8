using System.Numerics;
using System.Runtime.InteropServices;
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

    /// <summary>The turns of a batch's tokens, until the tape ends.</summary>
    /// <exception cref="ArgumentException">A sequence is longer than the backbone allows.</exception>
    public Turns Of(Tape tape, RaggedBatch batch)
    {
        var longest = batch.Lengths.Max();
        if (longest > config.LongestSequence)
            throw new ArgumentException(
                $"A sequence of {longest} tokens is longer than the {config.LongestSequence} positions of the backbone (max_position_embeddings): shorten it.",
                nameof(batch));
        if (longest <= config.RotaryScaling.SteadyLength)
            return new Turns(Get(longest), CollectionsMarshal.AsSpan(batch.Positions).ToArray());
        var (cosines, sines) = (new float[batch.TokenCount * Half], new float[batch.TokenCount * Half]);
        for (var (token, length, frequencies) = (0, 0, Array.Empty<double>()); token < batch.TokenCount; token++)
        {
            if (batch.Lengths[token] != length)
                frequencies = config.RotaryScaling.Frequencies(config.RotaryBase, config.HeadWidth, length = batch.Lengths[token]);
            Fill(cosines, sines, token, batch.Positions[token], frequencies);
        }
        var table = Upload(cosines, sines, batch.TokenCount);
        tape.Own(table.Cosines);
        tape.Own(table.Sines);
        return new Turns(table, [.. Enumerable.Range(0, batch.TokenCount)]);
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

    private int Half => config.HeadWidth / 2;

    /// <summary>
    /// Tables that cover positions [0, <paramref name="positions"/>); they live as long as the backbone, so passes may run beside each other.
    /// </summary>
    private Table Get(int positions)
    {
        lock (_lock)
        {
            if (_tables.Count == 0 || _tables[^1].Cosines.Rows < positions)
                _tables.Add(Make(Math.Min(config.LongestSequence, Math.Max(FewestPositions, (int)BitOperations.RoundUpToPowerOf2((uint)positions)))));
            return _tables[^1];
        }
    }

    private Table Make(int positions)
    {
        var (cosines, sines) = (new float[positions * Half], new float[positions * Half]);
        var frequencies = config.RotaryScaling.Frequencies(config.RotaryBase, config.HeadWidth, 1);
        for (var position = 0; position < positions; position++)
            Fill(cosines, sines, position, position, frequencies);
        return Upload(cosines, sines, positions);
    }

    private void Fill(float[] cosines, float[] sines, int row, int position, double[] frequencies)
    {
        var amplitude = config.RotaryScaling.Amplitude;
        for (var i = 0; i < frequencies.Length; i++)
        {
            var (sine, cosine) = Math.SinCos(position * frequencies[i]);
            cosines[row * Half + i] = (float)(cosine * amplitude);
            sines[row * Half + i] = (float)(sine * amplitude);
        }
    }

    private Table Upload(float[] cosines, float[] sines, int rows) =>
        new(backend.Upload(TensorKind.Parameter, cosines, rows, Half), backend.Upload(TensorKind.Parameter, sines, rows, Half));

    internal sealed record Table(Tensor Cosines, Tensor Sines);

    /// <param name="Table">The tables.</param>
    /// <param name="Rows">The row of each token there.</param>
    internal sealed record Turns(Table Table, int[] Rows);
}
