using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// What a method adds to one linear map: a sum of Kronecker products Σᵢ cᵢ · Aᵢ ⊗ Bᵢ, with a rule for the coefficients and one for the factors, and for
/// DoRA a magnitude; HiRA multiplies the weight by the sum. Methods differ in nothing else.
/// </summary>
internal sealed record AdapterPlan(
    MapShape Map, CoefficientRule Coefficients, IReadOnlyList<FilterRule> Filters, MagnitudeRule? Magnitude = null, BiasRule? Bias = null)
{
    /// <summary>Whether the update is W ∘ Σᵢ cᵢ · Aᵢ ⊗ Bᵢ rather than the sum itself: of one group of products of vectors, with c = 1.</summary>
    public bool MultipliesWeight { get; init; }

    public int FilterCount => Filters.Sum(filter => filter.Count);

    /// <summary>Trainable parameters of the map.</summary>
    public long ParameterCount =>
        Filters.Sum(filter => filter.ParameterCount) + (Coefficients is SoftmaxGates ? FilterCount : 0) + (Magnitude is null ? 0 : Map.Rows)
        + (Bias is null ? 0 : Map.Rows);
}

/// <summary>A trained vector, one value for each output, that is added to the outputs (the bias of LoRA's B).</summary>
/// <param name="Name">What files call it.</param>
/// <param name="Scale">What it is multiplied with.</param>
internal sealed record BiasRule(string Name, float Scale);

/// <summary>
/// A trained vector, one length for each output, that replaces the lengths of the rows of W + Δ (DoRA). It starts at the lengths of the rows of W.
/// </summary>
/// <param name="Name">What files call it.</param>
internal sealed record MagnitudeRule(string Name);

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
        Count * ((Left?.ParameterCount(Shape.LeftRows, Shape.LeftColumns) ?? 0) + Right.ParameterCount(Shape.RightRows, Shape.RightColumns));
}

/// <summary>How one side's factors start and what files call them.</summary>
/// <param name="Name">The tensor's name after the map's; with <see cref="FactorStorage.PerFilter"/>, the filter's number is added to it.</param>
/// <param name="Storage">How files hold the factors.</param>
/// <param name="Initial">What they start as.</param>
/// <param name="Rank">
/// Where it is set, the factor is itself of low rank, which filters that stand alone may have: the product of two trained matrices, Name_a [rows, rank], which
/// starts as <paramref name="Initial"/> says, and Name_b [rank, columns], Kaiming-uniform.
/// </param>
internal sealed record FactorRule(string Name, FactorStorage Storage, FactorInitial Initial, int? Rank = null)
{
    /// <summary>What the range of <see cref="FactorInitial.KaimingUniform"/> is multiplied with.</summary>
    public float Bound { get; init; } = 1;

    /// <summary>What the learning rate is multiplied with.</summary>
    public float RateFactor { get; init; } = 1;

    /// <summary>Whether it is trained; what is not is stored all the same, unless it is <see cref="FactorStorage.Fixed"/>.</summary>
    public bool IsTrained { get; init; } = true;

    /// <summary>Where <see cref="Initial"/> is <see cref="FactorInitial.Decomposed"/>: what is decomposed, and which side this is.</summary>
    public DecomposedStart? Start { get; init; }

    /// <summary>A factor whose elements are all 1, which is neither trained nor stored.</summary>
    public static FactorRule Ones { get; } = new("", FactorStorage.Fixed, FactorInitial.One);

    /// <summary>What is trained: the factor of the given shape itself, or the two that it is the product of.</summary>
    public IReadOnlyList<(FactorRule Rule, int Rows, int Columns)> Parts(int rows, int columns) => Storage == FactorStorage.Fixed ? []
        : Rank is not { } rank ? [(this, rows, columns)]
        :
        [
            (new FactorRule($"{Name}_a", Storage, Initial), rows, rank),
            (new FactorRule($"{Name}_b", Storage, FactorInitial.KaimingUniform), rank, columns),
        ];

    public long ParameterCount(int rows, int columns) => IsTrained ? Parts(rows, columns).Sum(part => (long)part.Rows * part.Columns) : 0;
}

/// <summary>A factor that starts as one side of the leading singular vectors of a matrix: B A · |scale| is its best approximation of B's rank.</summary>
/// <param name="Matrix">The matrix.</param>
/// <param name="IsLeft">Whether the factor is B, with the left singular vectors.</param>
/// <param name="Scale">What the product of both is multiplied with; where it is negative, B is negated.</param>
internal sealed record DecomposedStart(DecomposedMatrix Matrix, bool IsLeft, float Scale);

internal enum DecomposedMatrix
{
    /// <summary>The frozen weight, as it is in memory.</summary>
    Weight,

    /// <summary>What quantization took from the weight: the weight on disk less the one in memory.</summary>
    QuantizationError,
}

internal enum FactorStorage
{
    /// <summary>One tensor for each filter: <c>moka_A.0</c>, <c>moka_A.1</c> …</summary>
    PerFilter,

    /// <summary>One tensor, whose row k·count + i is row k of filter i: LoRA's <c>lora_A</c>, with a row for each filter.</summary>
    InterleavedRows,

    /// <summary>One tensor, whose column k·count + i is column k of filter i: LoRA's <c>lora_B</c>, with a column for each filter.</summary>
    InterleavedColumns,

    /// <summary>The factor of a single filter, transposed: MiSS's <c>miss_block</c>.</summary>
    Transposed,

    /// <summary>Not at all, for it is not trained.</summary>
    Fixed,
}

internal enum FactorInitial
{
    /// <summary>Zero, so that the update starts at zero.</summary>
    Zero,

    /// <summary>
    /// Kaiming-uniform with a = √5 (PyTorch's default): uniform in ±bound/√(columns of the factor), where the bound is 1 if not said otherwise.
    /// </summary>
    KaimingUniform,

    /// <summary>One, for ever.</summary>
    One,

    /// <summary>The leading singular vectors of a matrix: <see cref="FactorRule.Start"/>.</summary>
    Decomposed,
}
