namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// A Kronecker sum seen in strips of lanes, as panels are: with depth index k = u·V + v, element [k, lane] of filter j is L[u, lane] · R[v, lane].
/// Where lanes are outputs (a, b) the depth runs over inputs (c, d), so that L[c, lane] = A[a, c] and R[d, lane] = B[b, d]; where lanes are inputs it
/// is the other way round. Either way one multiply-add per filter and element writes Δ out, with contiguous reads, for factors of any shape.
/// </summary>
internal sealed unsafe class KroneckerStrips
{
    public KroneckerStrips(KroneckerSum delta, bool lanesAreRows)
    {
        LanesAreRows = lanesAreRows;
        var coefficients = ((CpuTensor)delta.Coefficients).Floats;
        var filters = new List<Filter>();
        foreach (var group in delta.Groups)
        {
            var shape = group.Shape;
            if (shape.Rows != delta.Rows || shape.Columns != delta.Columns)
                throw new ArgumentException($"A filter {shape} does not make up [{delta.Rows}, {delta.Columns}].", nameof(delta));
            RequireStack(group.Left, group.Count, shape.LeftRows, shape.LeftColumns, "left");
            RequireStack(group.Right, group.Count, shape.RightRows, shape.RightColumns, "right");
            if (group.Left is null && shape.LeftRows != shape.LeftColumns)
                throw new ArgumentException($"An identity as left factor is square; {shape} is not.", nameof(delta));
            if (group.First < 0 || group.First + group.Count > delta.Coefficients.Rows)
                throw new ArgumentException($"Filters {group.First} to {group.First + group.Count} have no coefficients; there are {delta.Coefficients.Rows}.", nameof(delta));
            for (var j = 0; j < group.Count; j++)
                filters.Add(new Filter(
                    shape,
                    group.Left is null ? null : ((CpuTensor)group.Left).Floats + (long)j * shape.LeftRows * shape.LeftColumns,
                    ((CpuTensor)group.Right).Floats + (long)j * shape.RightRows * shape.RightColumns,
                    coefficients[group.First + j],
                    lanesAreRows));
        }
        Filters = [.. filters];
    }

    public bool LanesAreRows { get; }

    public Filter[] Filters { get; }

    /// <summary>Rows of L and R of all filters together.</summary>
    public int Rows => Filters.Sum(f => f.OuterDepth + f.InnerDepth);

    private static void RequireStack(Tensor? factor, int count, int rows, int columns, string side)
    {
        if (factor is not null && (factor.Rows != count * rows || factor.Columns != columns))
            throw new ArgumentException($"The {side} factors are [{factor.Rows}, {factor.Columns}]; [{count} · {rows}, {columns}] is needed.");
    }

    internal readonly struct Filter(FilterShape shape, float* left, float* right, float coefficient, bool lanesAreRows)
    {
        public readonly FilterShape Shape = shape;

        /// <summary>A; null for the identity.</summary>
        public readonly float* Left = left;

        /// <summary>B.</summary>
        public readonly float* Right = right;

        /// <summary>What multiplies A ⊗ B; it goes into L.</summary>
        public readonly float Coefficient = coefficient;

        /// <summary>U, the rows of L.</summary>
        public readonly int OuterDepth = lanesAreRows ? shape.LeftColumns : shape.LeftRows;

        /// <summary>V, the rows of R.</summary>
        public readonly int InnerDepth = lanesAreRows ? shape.RightColumns : shape.RightRows;

        /// <summary>A lane (outer, inner) has the number outer · InnerLanes + inner.</summary>
        public readonly int InnerLanes = lanesAreRows ? shape.RightRows : shape.RightColumns;
    }
}
