namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// The weight update Σᵢ cᵢ · Aᵢ ⊗ Bᵢ of one linear map, as backends compute it. Every method but DoRA's magnitude is such a sum:
/// LoRA of rank r is r filters with Aᵢ [m, 1] and Bᵢ [1, n].
/// (A ⊗ B) x = flatten(A · X · Bᵀ) with X = reshape(x, [n_a, n_b]).
/// </summary>
/// <param name="Rows">Outputs m of the map.</param>
/// <param name="Columns">Inputs n of the map.</param>
/// <param name="Coefficients">The cᵢ of all filters, [filters] of kind Parameter.</param>
/// <param name="Groups">The filters; those of one shape stand stacked in one group.</param>
internal sealed record KroneckerSum(int Rows, int Columns, Tensor Coefficients, IReadOnlyList<KroneckerGroup> Groups)
{
    /// <summary>Throws where shapes do not fit together.</summary>
    public void Validate()
    {
        foreach (var group in Groups)
        {
            var shape = group.Shape;
            if (shape.Rows != Rows || shape.Columns != Columns)
                throw new ArgumentException($"A filter {shape} does not make up [{Rows}, {Columns}].");
            RequireStack(group.Left, group.Count, shape.LeftRows, shape.LeftColumns, "left");
            RequireStack(group.Right, group.Count, shape.RightRows, shape.RightColumns, "right");
            if (group.Left is null && shape.LeftRows != shape.LeftColumns)
                throw new ArgumentException($"An identity as left factor is square; {shape} is not.");
            if (group.First < 0 || group.First + group.Count > Coefficients.Rows)
                throw new ArgumentException($"Filters {group.First} to {group.First + group.Count} have no coefficients; there are {Coefficients.Rows}.");
        }
    }

    private static void RequireStack(Tensor? factor, int count, int rows, int columns, string side)
    {
        if (factor is not null && (factor.Rows != count * rows || factor.Columns != columns))
            throw new ArgumentException($"The {side} factors are [{factor.Rows}, {factor.Columns}]; [{count} · {rows}, {columns}] is needed.");
    }
}

/// <summary>
/// Filters of one shape, stacked: filter j of the group has A = rows [j·m_a, (j+1)·m_a) of <paramref name="Left"/> [count·m_a, n_a],
/// B = rows [j·m_b, (j+1)·m_b) of <paramref name="Right"/> [count·m_b, n_b], and the coefficient <paramref name="First"/> + j of the sum.
/// </summary>
/// <param name="Shape">The shape of each filter of the group.</param>
/// <param name="First">The index of the group's first coefficient.</param>
/// <param name="Count">How many filters the group holds.</param>
/// <param name="Left">The Aᵢ; null stands for the identity of size m_a = n_a (MoKA_s: I ⊗ B, block-diagonal).</param>
/// <param name="Right">The Bᵢ.</param>
internal sealed record KroneckerGroup(FilterShape Shape, int First, int Count, Tensor? Left, Tensor Right);

/// <summary>The factors' shapes of a filter A ⊗ B: A is [LeftRows, LeftColumns], B is [RightRows, RightColumns].</summary>
internal readonly record struct FilterShape(int LeftRows, int LeftColumns, int RightRows, int RightColumns)
{
    public int Rows => LeftRows * RightRows;

    public int Columns => LeftColumns * RightColumns;

    public override string ToString() => $"{LeftRows}x{LeftColumns}/{RightRows}x{RightColumns}";
}

/// <summary>Where the gradients of a <see cref="KroneckerSum"/> are added: the same shapes as its tensors; null where none is wanted.</summary>
/// <param name="Coefficients">The gradients of the cᵢ.</param>
/// <param name="Groups">Per group the gradients of its stacked factors.</param>
internal sealed record KroneckerGradients(Tensor? Coefficients, IReadOnlyList<(Tensor? Left, Tensor? Right)> Groups);
