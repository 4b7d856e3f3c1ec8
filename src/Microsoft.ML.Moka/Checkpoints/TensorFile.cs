using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>A file, or a set of files, with tensors by name.</summary>
internal abstract class TensorFile : IDisposable
{
    /// <summary>What to call it in an error: its path.</summary>
    public abstract string Name { get; }

    /// <summary>The names of the tensors.</summary>
    public abstract IReadOnlyCollection<string> Names { get; }

    public abstract bool Contains(string name);

    /// <exception cref="InvalidDataException">There is no such tensor.</exception>
    public abstract StoredTensor this[string name] { get; }

    /// <summary>Closes the file at once; see <see cref="FileContent.Dispose"/>.</summary>
    public abstract void Dispose();
}
