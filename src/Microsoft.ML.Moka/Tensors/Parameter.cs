namespace Microsoft.ML.Moka.Tensors;

/// <summary>A trained tensor with a name and the gradient that backward steps add to.</summary>
internal sealed class Parameter : IDisposable
{
    public Parameter(Backend backend, string name, ReadOnlySpan<float> values, int rows, int columns = 1)
    {
        Name = name;
        Value = backend.Upload(TensorKind.Parameter, values, rows, columns);
        Gradient = backend.Zeros(TensorKind.Parameter, rows, columns);
    }

    public string Name { get; }

    public Tensor Value { get; }

    public Tensor Gradient { get; }

    /// <summary>Whether weight decay pulls it to zero: matrices are, gates and norms are not.</summary>
    public bool Decays { get; init; } = true;

    public long Length => Value.Length;

    public void Dispose()
    {
        Value.Dispose();
        Gradient.Dispose();
    }
}
