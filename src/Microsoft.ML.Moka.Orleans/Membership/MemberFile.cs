using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Orleans.Membership;

/// <summary>A silo as the file has it.</summary>
internal sealed record Member(
    string Silo, int Status, int GatewayPort, string HostName, string SiloName, DateTime Started, DateTime Alive, int ETag, int ProcessId, long ProcessStarted,
    IReadOnlyList<Suspicion> Suspicions);

/// <summary>A vote that a silo is dead.</summary>
internal sealed record Suspicion(string Silo, DateTime Time);

/// <summary>All silos, and the version of the table.</summary>
internal sealed record MemberTable(int Version, IReadOnlyList<Member> Members);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(MemberTable))]
internal sealed partial class MemberJson : JsonSerializerContext;

/// <summary>
/// The members of a cluster as a file in a folder that all of them see: one process reads and writes at a time, and the file is replaced as a whole. No silo is
/// needed for it, so that any of them may end.
/// </summary>
internal sealed class MemberFile(string folder)
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly string _path = Path.Combine(folder, "members.json");

    public async Task<T> Use<T>(Func<MemberTable, (MemberTable Table, T Result)> change)
    {
        Directory.CreateDirectory(folder);
        await using var sole = await Take().ConfigureAwait(false);
        var table = Read();
        var (changed, result) = change(table);
        if (changed != table)
        {
            var pending = $"{_path}.{Environment.ProcessId}";
            await File.WriteAllBytesAsync(pending, JsonSerializer.SerializeToUtf8Bytes(changed, MemberJson.Default.MemberTable)).ConfigureAwait(false);
            File.Move(pending, _path, overwrite: true);
        }
        return result;
    }

    public void Delete() => File.Delete(_path);

    private MemberTable Read() => File.Exists(_path)
        ? JsonSerializer.Deserialize(File.ReadAllBytes(_path), MemberJson.Default.MemberTable)!
        : new MemberTable(0, []);

    // The system gives the file free when its process ends, however it ends.
    private async Task<FileStream> Take()
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream($"{_path}.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (TimeProvider.System.GetElapsedTime(began) < LongestWait)
            {
                await Task.Delay(Pause).ConfigureAwait(false);
            }
        }
    }
}
