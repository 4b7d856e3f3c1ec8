using System.Globalization;

namespace Microsoft.ML.Moka.Tensors;

/// <summary>The machine's memory.</summary>
internal static class HostMemory
{
    /// <summary>What may be taken without swapping, in the limits of a container.</summary>
    public static long AvailableBytes()
    {
        var limits = GC.GetGCMemoryInfo();
        var withinLimits = limits.TotalAvailableMemoryBytes - Math.Max(limits.MemoryLoadBytes, Environment.WorkingSet);
        return Math.Max(0, OperatingSystem.IsLinux() && InLinux() is { } free ? Math.Min(free, withinLimits) : withinLimits);
    }

    private static long? InLinux()
    {
        const string Name = "MemAvailable:";
        try
        {
            var line = File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
            return line is null ? null : 1024 * long.Parse(line[Name.Length..^"kB".Length], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }
}
