using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Chooses the tokens of one text from its logits. What is drawn depends on the seed and on what the text follows.</summary>
internal sealed class TokenSampler(GenerationOptions options, ReadOnlySpan<int> prompt)
{
    private readonly Dictionary<int, int> _counts = [];
    private readonly TextConstraint? _constraint = options.Constraint?.Invoke();
    private readonly SeededRandom _random = new(options.Seed, Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(prompt))));

    /// <param name="logits">The logits of the next token; penalties are taken from them in place.</param>
    public int Choose(Span<float> logits)
    {
        if (!float.IsFinite(TensorPrimitives.Max<float>(logits)))
            throw new InvalidOperationException("The logits are not finite: the backbone or its adapters hold values that are no numbers, or too large ones.");
        foreach (var (seen, count) in _counts)
            logits[seen] -= count * options.FrequencyPenalty + options.PresencePenalty;
        _constraint?.Mask(logits, options.StopTokens ?? []);
        var best = TensorPrimitives.IndexOfMax(logits);
        var token = options.Temperature == 0 || options.TopK == 1 ? best : Draw(logits, logits[best]);
        if (options.FrequencyPenalty != 0 || options.PresencePenalty != 0)
            _counts[token] = _counts.GetValueOrDefault(token) + 1;
        if (_constraint is not null && options.StopTokens?.Contains(token) != true)
            _constraint.Accept(token);
        return token;
    }

    private int Draw(ReadOnlySpan<float> logits, float highest)
    {
        var tokens = new int[logits.Length];
        var weights = new double[logits.Length];
        for (var token = 0; token < logits.Length; token++)
        {
            tokens[token] = token;
            weights[token] = Math.Exp((logits[token] - highest) / options.Temperature);
        }
        var count = Narrow(tokens, weights);
        var remaining = _random.NextDouble() * Sum(weights.AsSpan(0, count));
        for (var i = 0; i < count - 1; i++)
        {
            remaining -= weights[i];
            if (remaining < 0)
                return tokens[i];
        }
        return tokens[count - 1];
    }

    /// <summary>Moves the tokens that may be drawn to the front and counts them.</summary>
    private int Narrow(int[] tokens, double[] weights)
    {
        var count = tokens.Length;
        if (options.TopK == 0 && options.TopP == 1)
            return count;
        // The likeliest first; of equally likely ones the lower number.
        var order = new (double Weight, int Token)[count];
        for (var i = 0; i < count; i++)
            order[i] = (-weights[i], i);
        Array.Sort(order);
        for (var i = 0; i < count; i++)
            (weights[i], tokens[i]) = (-order[i].Weight, order[i].Token);
        if (options.TopK > 0)
            count = Math.Min(count, options.TopK);
        if (options.TopP == 1)
            return count;
        var wanted = options.TopP * Sum(weights.AsSpan(0, count));
        var kept = 0;
        for (var reached = 0.0; kept < count && reached < wanted; kept++)
            reached += weights[kept];
        return kept;
    }

    private static double Sum(ReadOnlySpan<double> weights)
    {
        var sum = 0.0;
        foreach (var weight in weights)
            sum += weight;
        return sum;
    }
}
