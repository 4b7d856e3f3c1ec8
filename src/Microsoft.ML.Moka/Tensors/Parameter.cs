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

    /// <summary>Whether it belongs to a head, which has a learning rate and a weight decay of its own.</summary>
    public bool IsHead { get; init; }

    /// <summary>What the learning rate is multiplied with.</summary>
    public float RateFactor { get; init; } = 1;

    public long Length => Value.Length;

    /// <summary>Goes up with every change of the value, for whoever keeps something that was computed from it.</summary>
    public int Version { get; private set; }

    public void Overwrite(Backend backend, Tensor value)
    {
        backend.Copy(value, Value);
        Version++;
    }

    public void Overwrite(Backend backend, ReadOnlySpan<float> values)
    {
        using var uploaded = backend.Upload(Value.Kind, values, Value.Rows, Value.Columns);
        Overwrite(backend, uploaded);
    }

    /// <summary>Says that the value was changed in place.</summary>
    public void Changed() => Version++;

    public void Dispose()
    {
        Value.Dispose();
        Gradient.Dispose();
    }
}
