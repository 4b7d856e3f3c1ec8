using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// The factors of LoKr on a map as a file holds them. PEFT's own follow from its configuration; those of other programs, and ours of other methods, need not.
/// </summary>
/// <param name="Filter">The shapes of w1 and w2.</param>
/// <param name="LeftRank">The rank of w1 where it is a product.</param>
/// <param name="RightRank">The rank of w2 where it is a product.</param>
internal sealed record LokrShape(FilterShape Filter, int? LeftRank, int? RightRank)
{
    /// <summary>The shapes by map; maps whose tensors are not complete are left out, and found missing when they are read.</summary>
    /// <exception cref="InvalidDataException">Two factors do not make a map; the message names one of them.</exception>
    public static Dictionary<string, LokrShape> Read(SafetensorsFile tensors, IEnumerable<MapShape> maps)
    {
        var shapes = new Dictionary<string, LokrShape>(StringComparer.Ordinal);
        foreach (var map in maps)
        {
            if (Factor(tensors, map, "lokr_w1") is not var (left, leftRank) || Factor(tensors, map, "lokr_w2") is not var (right, rightRank))
                continue;
            if ((long)left.Rows * right.Rows != map.Rows || (long)left.Columns * right.Columns != map.Columns)
                throw new InvalidDataException(
                    $"{tensors.Name}: '{AdapterTensors.NameOf(map, "lokr_w1")}' of shape {left} and lokr_w2 of shape {right} do not make the map's " +
                    $"{map.Rows}x{map.Columns}.");
            shapes.Add(map.Name, new LokrShape(new FilterShape(left.Rows, left.Columns, right.Rows, right.Columns), leftRank, rightRank));
        }
        return shapes;
    }

    /// <summary>The shape of a factor, and its rank where it is the product of two tensors.</summary>
    private static (FactorShape Shape, int? Rank)? Factor(SafetensorsFile tensors, MapShape map, string name)
    {
        if (Shape(tensors, map, name) is var (rows, columns))
            return (new FactorShape(rows, columns), null);
        var (left, right) = (Shape(tensors, map, $"{name}_a"), Shape(tensors, map, $"{name}_b"));
        if (left is null != right is null)
            throw new InvalidDataException(
                $"{tensors.Name} has no matrix '{AdapterTensors.NameOf(map, $"{name}_{(left is null ? "a" : "b")}")}', where it has the other factor.");
        return left is var (leftRows, rank) && right is var (_, rightColumns) ? (new FactorShape(leftRows, rightColumns), rank) : null;
    }

    private static (int Rows, int Columns)? Shape(SafetensorsFile tensors, MapShape map, string name)
    {
        var full = AdapterTensors.NameOf(map, name);
        return tensors.Contains(full) && tensors[full].Shape is [var rows and > 0, var columns and > 0] ? (rows, columns) : null;
    }
}
