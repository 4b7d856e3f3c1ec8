using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class MemoryConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    [Theory]
    [MemberData(nameof(Names))]
    public void Parameters_come_back_as_they_were(string name)
    {
        using var backend = Find(name).Create();
        float[] values = [1.5f, -0.1f, 3e-38f, 1e30f, 0, -7];
        using var parameter = backend.Upload(TensorKind.Parameter, values, 2, 3);
        Assert.Equal((2, 3, 6L, TensorKind.Parameter), (parameter.Rows, parameter.Columns, parameter.Length, parameter.Kind));
        Assert.Equal(values, backend.Read(parameter));
        using var indices = backend.Upload([3, 0, 128_255]);
        Assert.Equal((3, 1, TensorKind.Index), (indices.Rows, indices.Columns, indices.Kind));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Zeros_are_zero_even_in_reused_memory(string name)
    {
        using var backend = Find(name).Create();
        for (var round = 0; round < 3; round++)
        {
            using (var dirty = backend.Upload(TensorKind.Activation, Enumerable.Repeat(float.NaN, 5000).ToArray(), 50, 100))
                Assert.True(float.IsNaN(backend.Read(dirty)[4999]));
            using var zeros = backend.Zeros(TensorKind.Activation, 50, 100);
            Assert.All(backend.Read(zeros), v => Assert.Equal(0, v));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Copies_are_independent(string name)
    {
        Check(name, 0, s =>
        {
            using var source = s.Backend.Upload(TensorKind.Parameter, [1, 2, 3, 4, 5, 6], 3, 2);
            var copy = s.Backend.Clone(source);
            s.Backend.AddInPlace(source, source);
            s.Peek("source", source);
            s.Result("copy", copy);
        });
    }

    /// <summary>Nothing is read or written outside a tensor: a wrong shape is an error, not garbage.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Shapes_that_do_not_fit_are_refused(string name)
    {
        var tested = Find(name);
        using var backend = tested.Create();
        using (var s = new Scenario(backend, 1))
            RefuseAll(backend, s);
        // Nor does a call that is refused keep the memory of a result.
        Assert.Equal(0, tested.BytesInUse(backend));
    }

    private static void RefuseAll(Backend backend, Scenario s)
    {
        Tensor a = s.Activation(4, 6), b = s.Activation(4, 8), narrow = s.Activation(3, 6), vector = s.Parameter(6), rows = s.Indices(0, 1, 2, 3);
        var weight = s.Weight(WeightForm.FourBit, 10, 6);
        var delta = s.Kronecker(8, 6, (2, 3, 1));
        Action[] calls =
        [
            () => backend.Upload(TensorKind.Activation, [1, 2, 3], 2, 2),
            () => backend.Download(a, new float[23]),
            () => backend.Copy(a, b),
            () => backend.Add(a, b),
            () => backend.AddInPlace(a, narrow),
            () => backend.Linear(b, weight),
            () => backend.Linear(a, weight, delta),
            () => backend.LinearInputGradient(a, weight),
            () => backend.AccumulateWeightGradient(a, narrow, b),
            () => backend.KroneckerProduct(b, delta),
            () => backend.KroneckerInputGradient(a, delta),
            () => backend.RowNorms(weight, delta),
            () => backend.ScaleColumns(b, vector, vector),
            () => backend.ScaleColumns(a, vector, s.Parameter(5)),
            () => backend.ScaleColumnsGradient(b, a, vector, vector, vector),
            () => backend.ScaleColumnsGradient(a, a, vector, vector, s.Parameter(5)),
            () => backend.SwiGlu(a, b),
            () => backend.SwiGluGradient(b, a, a),
            () => backend.RmsNorm(b, vector, 1e-5f, out _),
            () => backend.Rotary(a, rows, s.Parameter(4, 2), s.Parameter(4, 2)),
            () => backend.Rotary(narrow, rows, s.Parameter(4, 3), s.Parameter(4, 3)),
            () => backend.Rotary(a, s.Indices(0, 1, 2, 4), s.Parameter(4, 3), s.Parameter(4, 3)),
            () => backend.Attention(a, b, b, AttentionLayout.Sequences([4]), new AttentionHeads(3, 3, 2), out _),
            () => backend.Embedding(weight, s.Indices(0, 10)),
            () => backend.Embedding(weight, s.Indices(-1)),
            () => backend.GatherRows(a, s.Indices(4)),
            () => backend.ScatterRows(a, rows, 3),
            () => backend.AccumulateEmbeddingGradient(a, s.Indices(0, 1, 2, 9), s.Parameter(5, 6)),
            () => backend.CopyRows(a, narrow, 0),
            () => backend.CopyRows(narrow, a, 2),
            () => backend.TokenLosses(a, weight, s.Indices(0, 1, 2, 10), null, out _),
            () => backend.TokenLosses(a, weight, s.Indices(0, 1, 2), null, out _),
            () => backend.AdamW(vector, s.Parameter(5), s.Parameter(6), s.Parameter(6), new AdamWStep(1, 0, 0, 1, 0, 1, 1)),
        ];
        for (var i = 0; i < calls.Length; i++)
        {
            var thrown = Record.Exception(calls[i]);
            Assert.True(thrown is ArgumentException { Message.Length: > 10 }, $"Call {i} gave {thrown?.GetType().Name ?? "no exception"}.");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Attention_spans_that_leave_their_tensors_are_refused(string name)
    {
        using var backend = Find(name).Create();
        using var s = new Scenario(backend, 1);
        Tensor q = s.Activation(4, 6), k = s.Activation(5, 6);
        AttentionSpan[] spans =
        [
            new(1, 0, 4, []),
            new(0, 2, 4, []),
            new(-1, 0, 2, []),
            new(0, 0, 4, [new RowRange(3, 3)]),
            new(0, 0, 4, [new RowRange(-1, 2)]),
            new(0, 0, 4, [new RowRange(0, -1)]),
        ];
        Assert.All(spans, span => Assert.ThrowsAny<ArgumentException>(
            () => backend.Attention(q, k, k, new AttentionLayout([span]), new AttentionHeads(3, 3, 2), out _)));
        Assert.ThrowsAny<ArgumentException>(
            () => backend.Attention(q, k, k, AttentionLayout.Sequences([4]), new AttentionHeads(3, 2, 2), out _));
    }
}
