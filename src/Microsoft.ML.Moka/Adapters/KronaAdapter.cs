using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

/// <summary>KronA (arXiv 2212.10650): ΔW = scale · A ⊗ B, a single Kronecker product.</summary>
public sealed class KronaAdapter : AdapterOptions
{
    /// <summary>
    /// The shape of A; B follows from the map: [m / rows, n / columns]. Where it is not set, the shape with the fewest parameters, and of those the squarest,
    /// is chosen for each map: |A| = |B| = √(mn) where the divisors allow it.
    /// </summary>
    public FactorShape? Shape { get; set; }

    /// <summary>The constant that scales the update.</summary>
    public float Scale { get; set; } = 1;

    internal const string MethodName = "KRONA";

    internal override string Method => MethodName;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["dropout"] = Dropout;
        fields["krona_scale"] = Scale;
        fields["shape"] = Shape is { } shape ? (int[])[shape.Rows, shape.Columns] : null;
    }

    internal static KronaAdapter Read(JsonFields fields)
    {
        var shape = fields.Integers("shape");
        if (fields.Has("shape") && shape.Count != 2)
            throw fields.Error("shape", $"must hold the rows and columns of A; found {shape.Count} numbers");
        return new KronaAdapter
        {
            Shape = shape.Count == 2 ? new FactorShape(shape[0], shape[1]) : null,
            Scale = (float)fields.Number("krona_scale", -1e9, 1e9, 1),
            Dropout = (float)fields.Number("dropout", 0, 1, 0),
        };
    }

    /// <summary>One shape for all maps or, preferred, the balanced shape of each.</summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps)
    {
        var shapes =
            from rows in SizeChoices.Divisors(maps.Select(map => map.Rows))
            from columns in SizeChoices.Divisors(maps.Select(map => map.Columns))
            select (FactorShape?)new FactorShape(rows, columns);
        return shapes.Prepend(null).Select(shape => Changed(this, options => options.Shape = shape));
    }

    private protected override AdapterPlan Plan(MapShape map)
    {
        Check(float.IsFinite(Scale), nameof(Scale), Scale, "must be a finite number");
        var shape = Shape is { } wanted
            ? FilterShapes.Of(map, wanted.Rows, wanted.Columns)
            : FilterShapes.Choose(map.Rows, map.Columns, 1)[0];
        var filter = new FilterRule(
            shape,
            1,
            new FactorRule("krona_A", FactorStorage.InterleavedRows, FactorInitial.KaimingUniform),
            new FactorRule("krona_B", FactorStorage.InterleavedRows, FactorInitial.Zero));
        return new AdapterPlan(map, new ConstantCoefficient(Scale), [filter]);
    }
}
