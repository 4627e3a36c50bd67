-- 1: batch
SELECT [t].[id] AS [writegate], [t].[name], [t].[owner]
FROM [app].[lists] AS [t];

-- 2: batch
SELECT [t].[order]]id] AS [writegate], [t].[sku], [t].[qty]
FROM [dbo].[order items] AS [t];

