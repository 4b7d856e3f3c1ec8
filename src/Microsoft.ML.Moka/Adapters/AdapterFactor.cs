using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// The matrices behind the stacked factors of one side of a group: the factors themselves, or the two that a factor of low rank is the product of; none where
/// the factors are fixed.
/// </summary>
internal sealed class AdapterFactor : IDisposable
{
    private readonly Tensor? _fixed;

    private AdapterFactor(IReadOnlyList<FactorPart> parts, Tensor? @fixed)
    {
        Parts = parts;
        _fixed = @fixed;
    }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<FactorPart> Parts { get; }

    /// <summary>The rule of what is not trained and stored all the same; null where there is no such thing.</summary>
    private (FactorRule Rule, FactorStack Stack)? Frozen { get; init; }

    /// <summary>What is stored: with the parameter behind it where it is trained.</summary>
    public IEnumerable<StoredFactor> Stored => Frozen is { } frozen
        ? [new StoredFactor(frozen.Rule, frozen.Stack, _fixed!, null)]
        : Parts.Select(part => new StoredFactor(part.Rule, part.Stack, part.Parameter.Value, part.Parameter));

    /// <param name="backend">Where they live.</param>
    /// <param name="map">The adapted map.</param>
    /// <param name="rule">How they start.</param>
    /// <param name="stack">The factors.</param>
    /// <param name="values">What they are filled with.</param>
    /// <param name="owner">Takes each parameter as it is made, and disposes it.</param>
    public static AdapterFactor Create(Backend backend, MapShape map, FactorRule rule, FactorStack stack, AdapterValues values, Action<Parameter> owner)
    {
        if (rule.Rank is not null && stack.Count != 1)
            throw new ArgumentException($"{rule.Name} is of low rank, and {stack.Count} such factors cannot be stacked.", nameof(stack));
        if (rule.Storage == FactorStorage.Fixed)
        {
            var ones = new float[stack.Length];
            Array.Fill(ones, 1);
            return new AdapterFactor([], backend.Upload(TensorKind.Parameter, ones, stack.Count * stack.Rows, stack.Columns));
        }
        var parts = new List<FactorPart>();
        foreach (var (part, rows, columns) in rule.Parts(stack.Rows, stack.Columns))
        {
            var partStack = stack with { Rows = rows, Columns = columns };
            if (!part.IsTrained)
                return new AdapterFactor([], backend.Upload(TensorKind.Parameter, values.Factors(map, part, partStack), partStack.Count * rows, columns))
                {
                    Frozen = (part, partStack),
                };
            var parameter = new Parameter(
                backend, $"{map.Name}.{part.Name}.{stack.First}", values.Factors(map, part, partStack), partStack.Count * rows, columns)
            {
                RateFactor = part.RateFactor,
            };
            owner(parameter);
            parts.Add(new FactorPart(part, partStack, parameter));
        }
        return new AdapterFactor(parts, null);
    }

    public Variable OnTape(Tape tape) => _fixed is not null ? tape.Borrow(_fixed)
        : Parts.Count == 1 ? tape.Trained(Parts[0].Parameter) : tape.Product(Parts[0].Parameter, Parts[1].Parameter);

    /// <summary>Frees what is not trained; parameters are their owner's.</summary>
    public void Dispose() => _fixed?.Dispose();
}

/// <summary>A trained matrix of stacked factors, or of one side of a product.</summary>
internal sealed record FactorPart(FactorRule Rule, FactorStack Stack, Parameter Parameter);

/// <summary>A matrix that files hold; without a parameter it is not trained.</summary>
internal sealed record StoredFactor(FactorRule Rule, FactorStack Stack, Tensor Value, Parameter? Parameter);
