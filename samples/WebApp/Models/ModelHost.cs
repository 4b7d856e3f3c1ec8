namespace WebApp.Models;

/// <summary>The model that answers now. A new one takes its place at once; questions that the old one is busy with are finished by it.</summary>
public sealed class ModelHost : IDisposable
{
    private ServedModel? _current;
    private volatile string? _error;

    public string? Version => Volatile.Read(ref _current)?.Version;

    /// <summary>Why the latest file was not taken into service; null where it was.</summary>
    public string? Error => _error;

    /// <summary>The current model; null before the first one is there.</summary>
    public ServedModel.Lease? Use()
    {
        // A model that was replaced between the two steps is gone, and its successor is there.
        while (Volatile.Read(ref _current) is { } model)
        {
            if (model.Use() is { } lease)
                return lease;
        }
        return null;
    }

    public void Swap(ServedModel next)
    {
        _error = null;
        Interlocked.Exchange(ref _current, next)?.Dispose();
    }

    /// <summary>A file was refused: the model stays as it is.</summary>
    public void Refuse(string error) => _error = error;

    public void Dispose() => Interlocked.Exchange(ref _current, null)?.Dispose();
}
