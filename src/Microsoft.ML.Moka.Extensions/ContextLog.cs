using Microsoft.Extensions.Logging;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Extensions;

/// <summary>Contexts whose warnings stand in a service's log: a service has no other place to look at.</summary>
internal static partial class ContextLog
{
    /// <param name="log">The service's log.</param>
    /// <param name="about">What the context's models are called: a file, or a folder.</param>
    public static MLContext NewContext(ILogger log, string about)
    {
        var context = new MLContext();
        context.Log += (_, line) =>
        {
            if (line.Kind == ChannelMessageKind.Warning)
                LogRemark(log, about, line.RawMessage);
        };
        return context;
    }

    [LoggerMessage(LogLevel.Warning, "{About}: {Remark}")]
    private static partial void LogRemark(ILogger log, string about, string remark);
}
