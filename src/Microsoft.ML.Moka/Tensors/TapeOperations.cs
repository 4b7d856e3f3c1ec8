namespace Microsoft.ML.Moka.Tensors;

/// <summary>The operations that modules compose: each is a kernel of the backend together with its backward step.</summary>
internal static class TapeOperations
{
    /// <summary>y = x Wᵀ, or x (W + Δ)ᵀ with Δ added while W is expanded; W is frozen, Δ is trained.</summary>
    public static Variable Linear(this Tape tape, Variable x, WeightMatrix weight, KroneckerVariable? delta = null)
    {
        var backend = tape.Backend;
        var y = backend.Linear(x.Value, weight, delta?.Sum);
        return tape.Record(y, x.RequiresGradient || delta is not null, () =>
        {
            if (delta is not null)
                x.Hold();
            return dy =>
            {
                using (backend.Reuse(dy))
                {
                    if (x.RequiresGradient)
                        x.AddGradient(backend.LinearInputGradient(dy, weight, delta?.Sum));
                    if (delta is null)
                        return;
                    delta.AccumulateGradients(backend, x.Value, dy);
                }
                x.Dispose();
            };
        });
    }

    /// <summary>y = x Wᵀ with a trained W.</summary>
    public static Variable Linear(this Tape tape, Variable x, Parameter weight)
    {
        var backend = tape.Backend;
        using var matrix = backend.AsWeight(weight.Value);
        var y = backend.Linear(x.Value, matrix);
        return tape.Record(y, true, () =>
        {
            x.Hold();
            return dy =>
            {
                if (x.RequiresGradient)
                {
                    using var trained = backend.AsWeight(weight.Value);
                    x.AddGradient(backend.LinearInputGradient(dy, trained));
                }
                backend.AccumulateWeightGradient(dy, x.Value, weight.Gradient);
                x.Dispose();
            };
        });
    }

    /// <summary>y = x Δᵀ token by token: the second path beside a frozen map, which input dropout needs.</summary>
    public static Variable Kronecker(this Tape tape, Variable x, KroneckerVariable delta)
    {
        var backend = tape.Backend;
        var y = backend.KroneckerProduct(x.Value, delta.Sum);
        return tape.Record(y, true, () =>
        {
            x.Hold();
            return dy =>
            {
                using (backend.Reuse(dy))
                {
                    if (x.RequiresGradient)
                        x.AddGradient(backend.KroneckerInputGradient(dy, delta.Sum));
                    delta.AccumulateGradients(backend, x.Value, dy);
                }
                x.Dispose();
            };
        });
    }

    /// <summary>y = x (W ∘ (offset + LᵀR))ᵀ with a frozen W and trained factors L, R.</summary>
    public static Variable Hadamard(this Tape tape, Variable x, WeightMatrix weight, Parameter left, Parameter right, float offset)
    {
        var backend = tape.Backend;
        using var product = backend.Hadamard(weight, left.Value, right.Value, offset);
        return tape.Record(backend.Linear(x.Value, product), true, () =>
        {
            x.Hold();
            return dy =>
            {
                using (backend.Reuse(dy))
                {
                    if (x.RequiresGradient)
                    {
                        using var again = backend.Hadamard(weight, left.Value, right.Value, offset);
                        x.AddGradient(backend.LinearInputGradient(dy, again));
                    }
                    backend.AccumulateHadamardGradients(x.Value, dy, weight, left.Value, right.Value, left.Gradient, right.Gradient);
                }
                x.Dispose();
            };
        });
    }

    /// <summary>The product a b of two trained matrices: a factor of low rank.</summary>
    public static Variable Product(this Tape tape, Parameter a, Parameter b)
    {
        var backend = tape.Backend;
        using var right = backend.AsWeight(b.Value);
        Variable? result = null;
        result = tape.Record(backend.LinearInputGradient(a.Value, right), true, () => gradient =>
        {
            using var weight = backend.AsWeight(b.Value);
            using (var left = backend.Linear(gradient, weight))
                backend.AddInPlace(a.Gradient, left);
            backend.AccumulateWeightGradient(a.Value, gradient, b.Gradient);
            result!.Dispose();
        });
        if (result.RequiresGradient)
            result.Hold();
        return result;
    }

    /// <summary>x ∘ magnitude / norms by column, with a trained magnitude and norms that count as constants; 0 where the norm is 0.</summary>
    public static Variable ScaleColumns(this Tape tape, Variable x, Parameter magnitude, Tensor norms)
    {
        var backend = tape.Backend;
        return tape.Record(backend.ScaleColumns(x.Value, magnitude.Value, norms), true, () =>
        {
            x.Hold();
            return dy =>
            {
                Give((x, backend.ScaleColumnsGradient(dy, x.Value, magnitude.Value, norms, magnitude.Gradient)));
                x.Dispose();
            };
        });
    }

    public static Variable Add(this Tape tape, Variable a, Variable b)
    {
        var backend = tape.Backend;
        return tape.Record(backend.Add(a.Value, b.Value), a.RequiresGradient || b.RequiresGradient, () => dy =>
        {
            if (a.RequiresGradient)
                a.AddGradient(backend.Clone(dy));
            if (b.RequiresGradient)
                b.AddGradient(backend.Clone(dy));
        });
    }

    /// <summary>
    /// x with a vector added to every row: in x itself, which nothing else may have read, or where the vector is trained (its gradient is given) in a new value
    /// that takes its place.
    /// </summary>
    public static Variable AddToRows(this Tape tape, Variable x, Tensor row, Tensor? rowGradient = null)
    {
        var backend = tape.Backend;
        if (rowGradient is null || !tape.Recording)
        {
            backend.AddToRows(x.Value, row);
            return x;
        }
        var sum = backend.Clone(x.Value);
        backend.AddToRows(sum, row);
        var result = tape.Record(sum, true, () => dy =>
        {
            backend.AccumulateColumnSums(dy, rowGradient);
            if (x.RequiresGradient)
                x.AddGradient(backend.Clone(dy));
        });
        x.Dispose();
        return result;
    }

    public static Variable Dropout(this Tape tape, Variable x, float rate, ulong seed)
    {
        return tape.Record(Drop(x.Value), x.RequiresGradient, () =>
        {
            x.Hold();
            return dy =>
            {
                x.AddGradient(Drop(dy));
                x.Dispose();
            };
        }, again: () => Drop(x.Value));

        Tensor Drop(Tensor tensor) => tape.Backend.Dropout(tensor, rate, seed);
    }

    /// <summary>RMS normalization by row; the weight is frozen unless <paramref name="weightGradient"/> receives its gradient.</summary>
    public static Variable RmsNorm(this Tape tape, Variable x, Tensor weight, float epsilon, Tensor? weightGradient = null)
    {
        var backend = tape.Backend;
        var y = backend.RmsNorm(x.Value, weight, epsilon, out var inverseRms);
        var scale = tape.Own(inverseRms);
        var result = tape.Record(y, x.RequiresGradient || weightGradient is not null, () =>
        {
            x.Hold();
            scale.Hold();
            return dy =>
            {
                Give((x, backend.RmsNormGradient(dy, x.Value, weight, scale.Value, weightGradient)));
                x.Dispose();
                scale.Dispose();
            };
        }, again: () =>
        {
            var normalized = backend.RmsNorm(x.Value, weight, epsilon, out var known);
            known.Dispose();
            return normalized;
        });
        scale.Dispose();
        return result;
    }

    public static Variable SwiGlu(this Tape tape, Variable gate, Variable up)
    {
        var backend = tape.Backend;
        return tape.Record(backend.SwiGlu(gate.Value, up.Value), gate.RequiresGradient || up.RequiresGradient, () =>
        {
            gate.Hold();
            up.Hold();
            return dy =>
            {
                var (gateGradient, upGradient) = backend.SwiGluGradient(dy, gate.Value, up.Value);
                Give((gate, gateGradient), (up, upGradient));
                gate.Dispose();
                up.Dispose();
            };
        }, again: () => backend.SwiGlu(gate.Value, up.Value));
    }

    public static Variable Rotary(this Tape tape, Variable x, Tensor positions, Tensor cosines, Tensor sines)
    {
        var backend = tape.Backend;
        return tape.Record(backend.Rotary(x.Value, positions, cosines, sines), x.RequiresGradient,
            () => dy => x.AddGradient(backend.Rotary(dy, positions, cosines, sines, inverse: true)));
    }

    public static Variable Attention(this Tape tape, Variable q, Variable k, Variable v, AttentionLayout layout, AttentionHeads heads)
    {
        var backend = tape.Backend;
        var y = backend.Attention(q.Value, k.Value, v.Value, layout, heads, out var logSumExp);
        var statistics = tape.Own(logSumExp);
        Variable? result = null;
        result = tape.Record(y, q.RequiresGradient || k.RequiresGradient || v.RequiresGradient, () =>
        {
            q.Hold();
            k.Hold();
            v.Hold();
            statistics.Hold();
            return dy =>
            {
                var (dq, dk, dv) = backend.AttentionGradient(dy, q.Value, k.Value, v.Value, result!.Value, statistics.Value, layout, heads);
                Give((q, dq), (k, dk), (v, dv));
                q.Dispose();
                k.Dispose();
                v.Dispose();
                statistics.Dispose();
                result.Dispose();
            };
        });
        if (result.RequiresGradient)
            result.Hold();
        statistics.Dispose();
        return result;
    }

    /// <summary>Rows of a frozen embedding table.</summary>
    public static Variable Embedding(this Tape tape, WeightMatrix table, Tensor ids) => tape.Own(tape.Backend.Embedding(table, ids));

    /// <summary>Rows of a trained embedding table; <paramref name="ids"/> must stay alive until the backward pass has run.</summary>
    public static Variable Embedding(this Tape tape, Parameter table, Tensor ids)
    {
        using var matrix = tape.Backend.AsWeight(table.Value);
        return tape.Record(tape.Backend.Embedding(matrix, ids), true,
            () => dy => tape.Backend.AccumulateEmbeddingGradient(dy, ids, table.Gradient));
    }

    /// <summary>Rows of a table that was computed, or of which somebody else computes the gradient.</summary>
    public static Variable Embedding(this Tape tape, Variable table, Tensor ids)
    {
        using var matrix = tape.Backend.AsWeight(table.Value);
        return tape.Record(tape.Backend.Embedding(matrix, ids), table.RequiresGradient,
            () => dy => tape.Backend.AccumulateEmbeddingGradient(dy, ids, table.GradientToAccumulate()));
    }

    /// <summary>Rows of x; <paramref name="rows"/> must stay alive until the backward pass has run.</summary>
    public static Variable GatherRows(this Tape tape, Variable x, Tensor rows)
    {
        var count = x.Value.Rows;
        return tape.Record(tape.Backend.GatherRows(x.Value, rows), x.RequiresGradient,
            () => dy => x.AddGradient(tape.Backend.ScatterRows(dy, rows, count)));
    }

    /// <summary>The mean of the rows of x in each of the ranges, in float32.</summary>
    public static Variable MeanRows(this Tape tape, Variable x, IReadOnlyList<RowRange> ranges)
    {
        var count = x.Value.Rows;
        return tape.Record(tape.Backend.MeanRows(x.Value, ranges), x.RequiresGradient,
            () => dy => x.AddGradient(tape.Backend.MeanRowsGradient(dy, ranges, count)));
    }

    /// <summary>The coefficients of a gated mixture: softmax of its gates.</summary>
    public static Variable Softmax(this Tape tape, Parameter gates)
    {
        Variable? result = null;
        result = tape.Record(tape.Backend.Softmax(gates.Value), true, () => ds =>
        {
            tape.Backend.AccumulateSoftmaxGradient(result!.Value, ds, gates.Gradient);
            result.Dispose();
        });
        if (result.RequiresGradient)
            result.Hold();
        return result;
    }

    /// <summary>
    /// −log p(target) of each row, which the caller disposes. Where the tape records, <paramref name="rowWeights"/> must be given, and the gradient of
    /// Σ rowWeights·loss goes to <paramref name="hidden"/> (and is added to <paramref name="headGradient"/>): <see cref="Tape.Backward"/> carries it on.
    /// </summary>
    public static Tensor TokenLosses(
        this Tape tape, Variable hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, Tensor? headGradient = null)
    {
        if (tape.Recording && rowWeights is null)
            throw new ArgumentNullException(nameof(rowWeights), "A tape that records needs the weights of the losses whose gradient it seeds.");
        var losses = tape.Backend.TokenLosses(
            hidden.Value, head, targets, tape.Recording ? rowWeights : null, out var hiddenGradient, headGradient);
        if (hiddenGradient is not null)
            Give((hidden, hiddenGradient));
        return losses;
    }

    /// <summary>A copy of a tensor.</summary>
    public static Tensor Clone(this Backend backend, Tensor tensor)
    {
        var copy = backend.Zeros(tensor.Kind, tensor.Rows, tensor.Columns);
        try
        {
            backend.Copy(tensor, copy);
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    /// <summary>Hands gradients to the variables that want them and frees the others, also after an exception.</summary>
    private static void Give(params ReadOnlySpan<(Variable Variable, Tensor Gradient)> gradients)
    {
        var next = 0;
        try
        {
            while (next < gradients.Length)
            {
                var (variable, gradient) = gradients[next++];
                if (variable.RequiresGradient)
                    variable.AddGradient(gradient);
                else
                    gradient.Dispose();
            }
        }
        finally
        {
            while (next < gradients.Length)
                gradients[next++].Gradient.Dispose();
        }
    }
}
