using System.Numerics;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Writes an adapter as another method that means the same update: numbers are copied, none is computed but the scale.</summary>
internal static class AdapterConversion
{
    private const string NotPlain = "is not made of two plain factors";

    /// <exception cref="InvalidOperationException">The update is no update of that method.</exception>
    public static (AdapterOptions Options, IReadOnlyList<SafetensorsTensor> Tensors) Convert(AdapterFileFormat format, Backend backend, AdapterSet adapters)
    {
        IReadOnlyList<SafetensorsTensor> tensors = [.. AdapterTensors.From(backend, adapters)];
        var isThereAlready = format switch
        {
            AdapterFileFormat.AsTrained => true,
            AdapterFileFormat.Lokr => adapters.Options.Method == LokrAdapter.MethodName,
            AdapterFileFormat.Lora => adapters.Options is LoraAdapter or DoraAdapter,
            AdapterFileFormat.Cdka => adapters.Options is CdkaAdapter { IsOfAuthors: true },
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No such format."),
        };
        if (isThereAlready)
            return (adapters.Options, tensors);
        if (adapters.Tables.Count > 0)
            throw new InvalidOperationException(
                $"The adapter changes {adapters.Tables[0].Rule.Module} as well, and is written as another method without that. Save it as trained.");
        if (adapters.Biases.Count > 0)
            throw new InvalidOperationException(
                "The adapter changes the backbone's biases as well, and is written as another method without that. Save it as trained.");
        var plans = adapters.Adapters.Select(adapter => adapter.Plan).ToList();
        var head = tensors.Where(tensor => tensor.Name == AdapterTensors.NameOf(ScoreHeadRule.TensorName)).ToList();
        var byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var (options, converted) = format switch
        {
            AdapterFileFormat.Lokr => ToLokr(adapters.Options, plans, byName),
            AdapterFileFormat.Lora => ToLora(adapters.Options, plans, byName),
            _ => ToCdka(adapters.Options, plans, byName),
        };
        return (options.WithHead(adapters.Options.Head), [.. converted, .. head]);
    }

    private static (AdapterOptions, IReadOnlyList<SafetensorsTensor>) ToLokr(
        AdapterOptions options, List<AdapterPlan> plans, Dictionary<string, SafetensorsTensor> tensors)
    {
        foreach (var plan in plans)
        {
            if (plan.FilterCount != 1)
                throw Refusal("LoKr", plan, $"has {plan.FilterCount} products, and LoKr has one");
        }
        var scale = Scale("LoKr", plans);
        if (plans.Find(plan => plan.Filters[0].Left!.Storage == FactorStorage.InterleavedColumns) is { } stacked)
            throw Refusal("LoKr", stacked, NotPlain);
        // PEFT takes a factor for a product of two where the rank is below half its size. A power of two divides without rounding.
        var largest = plans.Max(plan => Math.Max(plan.Filters[0].Shape.RightRows, plan.Filters[0].Shape.RightColumns));
        var rank = (int)BitOperations.RoundUpToPowerOf2((uint)(largest + 1) / 2);
        var lokr = new LokrAdapter { Rank = rank, Alpha = scale * rank };
        var first = plans[0].Filters[0].Shape;
        lokr.DecomposeFactor = ((int[])[-1, first.LeftRows, first.LeftColumns]).FirstOrDefault(
            factor => plans.TrueForAll(plan => LokrAdapter.ShapeOf(plan.Map, factor) == plan.Filters[0].Shape), -1);
        return (Targeting(lokr, options), [.. plans.SelectMany(Factors)]);

        IEnumerable<SafetensorsTensor> Factors(AdapterPlan plan)
        {
            var (left, right) = FactorsOf(plan, plan.Filters[0], 0, 0, tensors);
            yield return left with { Name = AdapterTensors.NameOf(plan.Map, "lokr_w1") };
            yield return right with { Name = AdapterTensors.NameOf(plan.Map, "lokr_w2") };
        }
    }

    /// <summary>A ⊗ B = (A ⊗ I)(I ⊗ B), of rank columns of A · rows of B: LoRA's B stands left of LoRA's A.</summary>
    private static (AdapterOptions, IReadOnlyList<SafetensorsTensor>) ToLora(
        AdapterOptions options, List<AdapterPlan> plans, Dictionary<string, SafetensorsTensor> tensors)
    {
        var scale = Scale("LoRA", plans);
        var ranks = plans.Select(plan => plan.Filters.Sum(filter => filter.Count * filter.Shape.LeftColumns * filter.Shape.RightRows)).ToList();
        var different = ranks.FindIndex(rank => rank != ranks[0]);
        if (different >= 0)
            throw Refusal("LoRA", plans[different], $"would have rank {ranks[different]}, and {plans[0].Map.Name} {ranks[0]}");
        var tooLarge = plans.Find(plan => ranks[0] > Math.Min(plan.Map.Rows, plan.Map.Columns));
        if (tooLarge is not null)
            throw Refusal("LoRA", tooLarge, $"would have rank {ranks[0]}, above that of the map");
        return (Targeting(new LoraAdapter { Rank = ranks[0], Alpha = scale * ranks[0] }, options),
            [.. plans.SelectMany(plan => LoraFactors(plan, ranks[0], tensors))]);
    }

    /// <summary>The components side by side in one tensor for each side, as CDKA's authors store them.</summary>
    private static (AdapterOptions, IReadOnlyList<SafetensorsTensor>) ToCdka(
        AdapterOptions options, List<AdapterPlan> plans, Dictionary<string, SafetensorsTensor> tensors)
    {
        var authors = options is CdkaAdapter cdka ? cdka.OfAuthors() : throw Refusal("CDKA", plans[0], $"is of another method, {options.Method}");
        return (authors, [.. authors.Plan(plans.Select(plan => plan.Map)).Zip(plans, Factors).SelectMany(factors => factors)]);

        IEnumerable<SafetensorsTensor> Factors(AdapterPlan wanted, AdapterPlan plan)
        {
            var (filter, shape) = (wanted.Filters[0], wanted.Filters[0].Shape);
            var factors = Enumerable.Range(0, filter.Count).Select(i => FactorsOf(plan, plan.Filters[0], i, i, tensors)).ToList();
            yield return Joined(filter.Left!, shape.LeftRows, shape.LeftColumns, factors.Select(factor => factor.Left));
            yield return Joined(filter.Right, shape.RightRows, shape.RightColumns, factors.Select(factor => factor.Right));

            SafetensorsTensor Joined(FactorRule rule, int rows, int columns, IEnumerable<SafetensorsTensor> parts) => AdapterTensors.Interleaved(
                AdapterTensors.NameOf(plan.Map, rule.Name), [.. parts.SelectMany(part => part.ToFloats())], rule.Storage,
                new FactorStack(0, filter.Count, rows, columns));
        }
    }

    private static IEnumerable<SafetensorsTensor> LoraFactors(AdapterPlan plan, int rank, Dictionary<string, SafetensorsTensor> tensors)
    {
        var (rows, columns) = (plan.Map.Rows, plan.Map.Columns);
        var (up, down) = (new float[rows * rank], new float[rank * columns]);
        var (filterIndex, first) = (0, 0);
        foreach (var filter in plan.Filters)
        {
            var shape = filter.Shape;
            for (var i = 0; i < filter.Count; i++)
            {
                var (leftTensor, rightTensor) = FactorsOf(plan, filter, filterIndex++, i, tensors);
                var (left, right) = (leftTensor.ToFloats(), rightTensor.ToFloats());
                // Column c·rightRows + b of A ⊗ I has A's column c at every rightRows-th row from b on; row c·rightRows + b of I ⊗ B has B's row b in block c.
                for (var c = 0; c < shape.LeftColumns; c++)
                {
                    for (var b = 0; b < shape.RightRows; b++)
                    {
                        var k = first + c * shape.RightRows + b;
                        for (var a = 0; a < shape.LeftRows; a++)
                            up[(a * shape.RightRows + b) * rank + k] = left[a * shape.LeftColumns + c];
                        right.AsSpan(b * shape.RightColumns, shape.RightColumns).CopyTo(down.AsSpan(k * columns + c * shape.RightColumns));
                    }
                }
                first += shape.LeftColumns * shape.RightRows;
            }
        }
        yield return SafetensorsTensor.Of(AdapterTensors.NameOf(plan.Map, "lora_A.weight"), down, rank, columns);
        yield return SafetensorsTensor.Of(AdapterTensors.NameOf(plan.Map, "lora_B.weight"), up, rows, rank);
    }

    /// <param name="plan">The map's plan.</param>
    /// <param name="filter">The filters.</param>
    /// <param name="index">Which one of the map.</param>
    /// <param name="place">Which one of those filters.</param>
    /// <param name="tensors">What is stored.</param>
    private static (SafetensorsTensor Left, SafetensorsTensor Right) FactorsOf(
        AdapterPlan plan, FilterRule filter, int index, int place, Dictionary<string, SafetensorsTensor> tensors)
    {
        var shape = filter.Shape;
        return (Stored(filter.Left!, shape.LeftRows, shape.LeftColumns), Stored(filter.Right, shape.RightRows, shape.RightColumns));

        SafetensorsTensor Stored(FactorRule rule, int rows, int columns)
        {
            if (rule.Storage == FactorStorage.PerFilter)
                return tensors[AdapterTensors.NameOf(plan.Map, $"{rule.Name}.{index}")];
            var whole = tensors[AdapterTensors.NameOf(plan.Map, rule.Name)];
            if (filter.Count == 1)
                return whole;
            var size = rows * columns;
            var stacked = AdapterTensors.Stacked(whole.ToFloats(), rule.Storage, new FactorStack(0, filter.Count, rows, columns));
            return SafetensorsTensor.Of(whole.Name, stacked.AsSpan(place * size, size), rows, columns);
        }
    }

    /// <summary>The constant that all products have in common.</summary>
    private static float Scale(string method, List<AdapterPlan> plans)
    {
        foreach (var plan in plans)
        {
            if (plan.MultipliesWeight)
                throw Refusal(method, plan, "is multiplied with the weight");
            if (plan.Magnitude is not null)
                throw Refusal(method, plan, "has a magnitude");
            if (plan.Bias is not null)
                throw Refusal(method, plan, "has a bias");
            if (plan.Coefficients is not ConstantCoefficient && plan.FilterCount > 1)
                throw Refusal(method, plan, "weights its products with gates");
            if (plan.Filters.Any(filter =>
                filter is not { Left: { Rank: null, Storage: not FactorStorage.Fixed }, Right.Rank: null }))
                throw Refusal(method, plan, NotPlain);
        }
        // The softmax of a single gate is 1.
        return plans[0].Coefficients is ConstantCoefficient constant ? constant.Value : 1;
    }

    private static T Targeting<T>(T converted, AdapterOptions options)
        where T : AdapterOptions
    {
        (converted.TargetModules, converted.Layers, converted.Dropout) = (options.TargetModules, options.Layers, options.Dropout);
        return converted;
    }

    private static InvalidOperationException Refusal(string method, AdapterPlan plan, string why) =>
        new($"The update cannot be written as {method}: on {plan.Map.Name} it {why}. Save it as trained.");
}
