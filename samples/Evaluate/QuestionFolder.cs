using EverydayWorld;

namespace Evaluate;

/// <summary>The benchmarks: the user's folder, or the everyday world's questions in a folder that is gone afterwards.</summary>
internal sealed class QuestionFolder : IDisposable
{
    private const int WorldRows = 200;

    private readonly bool _isTemporary;

    public QuestionFolder(DirectoryInfo? given)
    {
        _isTemporary = given is null;
        Path = given?.FullName ?? Directory.CreateTempSubdirectory("everyday-world-").FullName;
        if (_isTemporary)
            BenchmarkFolder.Write(Path, WorldRows);
    }

    public string Path { get; }

    /// <summary>How many questions of each task there are; null where that is for the folder to say.</summary>
    public int? Rows => _isTemporary ? WorldRows : null;

    public void Dispose()
    {
        if (_isTemporary)
            Directory.Delete(Path, recursive: true);
    }
}
