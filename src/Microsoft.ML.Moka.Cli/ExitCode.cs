namespace Microsoft.ML.Moka.Cli;

/// <summary>What the tool tells the shell.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    /// <summary>As a shell has it of a process that SIGINT ended.</summary>
    public const int Cancelled = 130;
}

/// <summary>The command line asks for something that makes no sense; the message says what, in words for the user.</summary>
internal sealed class UsageException(string message) : Exception(message);
