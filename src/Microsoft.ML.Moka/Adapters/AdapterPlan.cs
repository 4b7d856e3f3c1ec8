using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// What a method adds to one linear map: a sum of Kronecker products Σᵢ cᵢ · Aᵢ ⊗ Bᵢ, with a rule for the coefficients and one for the factors.
/// Methods differ in nothing else.
/// </summary>
internal sealed record AdapterPlan(MapShape Map, CoefficientRule Coefficients, IReadOnlyList<FilterRule> Filters)
{
    public int FilterCount => Filters.Sum(filter => filter.Count);

    /// <summary>Trainable parameters of the map.</summary>
    public long ParameterCount => Filters.Sum(filter => filter.ParameterCount) + (Coefficients is SoftmaxGates ? FilterCount : 0);
}

/// <summary>Where the coefficients cᵢ come from.</summary>
internal abstract record CoefficientRule;

/// <summary>c = softmax(g) of a trained vector g, which starts at zero: all equal.</summary>
/// <param name="Name">What files call g.</param>
internal sealed record SoftmaxGates(string Name) : CoefficientRule;

/// <summary>The same constant for every filter.</summary>
internal sealed record ConstantCoefficient(float Value) : CoefficientRule;

/// <summary>Filters of one shape, which backends hold stacked (<see cref="KroneckerGroup"/>).</summary>
/// <param name="Shape">The shape of each of them.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Left">The factors Aᵢ; null for the identity.</param>
/// <param name="Right">The factors Bᵢ.</param>
internal sealed record FilterRule(FilterShape Shape, int Count, FactorRule? Left, FactorRule Right)
{
    public long ParameterCount =>
        Count * ((Left is null ? 0L : (long)Shape.LeftRows * Shape.LeftColumns) + (long)Shape.RightRows * Shape.RightColumns);
}

/// <summary>How one side's factors start and what files call them.</summary>
/// <param name="Name">The tensor's name after the map's; with <see cref="FactorStorage.PerFilter"/>, the filter's number is added to it.</param>
/// <param name="Storage">How files hold the factors.</param>
/// <param name="Initial">What they start as.</param>
internal sealed record FactorRule(string Name, FactorStorage Storage, FactorInitial Initial);

internal enum FactorStorage
{
    /// <summary>One tensor for each filter: <c>moka_A.0</c>, <c>moka_A.1</c> …</summary>
    PerFilter,

    /// <summary>The stack is one tensor: the rows of LoRA's <c>lora_A</c>.</summary>
    Stacked,

    /// <summary>The stack is one tensor, transposed: the columns of LoRA's <c>lora_B</c>.</summary>
    StackedTransposed,
}

internal enum FactorInitial
{
    /// <summary>Zero, so that the update starts at zero.</summary>
    Zero,

    /// <summary>Kaiming-uniform with a = √5 (PyTorch's default): uniform in ±1/√(columns of the factor).</summary>
    KaimingUniform,
}
